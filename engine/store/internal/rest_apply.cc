#include "store/internal/rest_apply.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "crypto/keys.h"
#include "fhir/apply.h"

namespace carestream::store {
namespace {

// meta as the client may set it: without what the store sets.
fhir::Node ClientMeta(const fhir::Node& resource) {
    const fhir::Node* meta = resource.Find("meta");
    fhir::Node own = meta == nullptr ? fhir::Node::Object() : *meta;
    own.Remove("versionId");
    own.Remove("lastUpdated");
    return own;
}

RestResult Describe(const Entry& entry, bool created, bool unchanged) {
    RestResult result;
    result.version = {std::string(entry.type), entry.id,   entry.version, entry.deleted,
                      entry.updated,           entry.body, entry.subject};
    result.created = created;
    result.unchanged = unchanged;
    return result;
}

// A write that took its place in the set and has no version yet.
struct Staged {
    Entry* entry = nullptr;
    bool created = false;
    bool unchanged = false;
};

class RestApplier {
public:
    RestApplier(const RestWrite& write, WriteContext& context, WorkingSet& set)
        : write_(write),
          context_(context),
          set_(set),
          stamp_{write.as_of != 0 ? write.as_of : context.Now(), 0} {}

    Result<Staged> Run() {
        const std::int16_t type = context_.TypeNumber(write_.type);
        if (type == 0) {
            return Fail(Code::kInvalid, "not a resource type of FHIR R4", write_.type);
        }
        if (write_.method == RestMethod::kCreate) {
            return Put(set_.AddNew(write_.tenant, type, crypto::RandomUuid(), context_.NewPk()));
        }
        Entry* entry = set_.FindId(write_.tenant, type, write_.id);
        CARESTREAM_TRY(CheckVersion(entry));
        if (write_.method == RestMethod::kDelete) return Delete(entry);
        if (entry == nullptr) {
            entry = &set_.AddNew(write_.tenant, type, write_.id, context_.NewPk());
        }
        return Put(*entry);
    }

private:
    [[nodiscard]] Result<void> CheckVersion(const Entry* entry) const {
        if (!write_.if_match.has_value()) return {};
        const bool exists = entry != nullptr && entry->Exists();
        if (*write_.if_match == kAbsent) {
            if (!exists) return {};
            return Fail(Code::kPreconditionFailed, "there is a resource of this id already",
                        write_.type);
        }
        if (exists && entry->version == *write_.if_match) return {};
        return Fail(Code::kPreconditionFailed,
                    "the current version is not the one that If-Match names", write_.type);
    }

    Result<Staged> Put(Entry& entry) {
        CARESTREAM_ASSERT(entry.loaded);
        CARESTREAM_TRY(set_.Parse(entry));
        const bool created = !entry.Exists();
        fhir::Node current = std::move(*entry.node);
        entry.node.reset();
        fhir::Node replacement = write_.resource;
        replacement.Set("id", fhir::Node::String(entry.id));
        // Before the merge: what a label adds is stamped like the rest of the write.
        const auto& label = context_.parts().label;
        if (label && !write_.labelled) label(current, replacement, context_.Now());
        CARESTREAM_ASSIGN(applied, fhir::Replace(context_.definitions(), current, entry.stamps,
                                                 std::move(replacement), stamp_));
        if (!created && !applied.changed && ClientMeta(current) == ClientMeta(applied.resource)) {
            entry.node = std::move(current);  // not even stamps: a write without effect has none
            return Staged{&entry, false, true};
        }
        set_.Touch(entry);
        if (write_.claims_identifiers) {
            RecordIdentifiers(entry, IdentifiersOf(current), IdentifiersOf(applied.resource));
        }
        entry.node = std::move(applied.resource);
        entry.stamps = std::move(applied.stamps);
        entry.newest = std::max(entry.newest, stamp_);
        entry.stamps_changed = true;
        entry.dirty = true;
        return Staged{&entry, created, false};
    }

    // What feeds look for follows what the client says; an identifier that another resource holds
    // stays there.
    void RecordIdentifiers(Entry& entry, const std::vector<fhir::IdentityKey>& before,
                           const std::vector<fhir::IdentityKey>& after) {
        for (const fhir::IdentityKey& key : after) {
            set_.AddIdentity(context_.NameOf(write_.tenant, write_.type, key), entry, false);
        }
        for (const fhir::IdentityKey& key : before) {
            if (std::find(after.begin(), after.end(), key) != after.end()) continue;
            set_.RemoveIdentity(context_.NameOf(write_.tenant, write_.type, key), entry);
        }
    }

    Result<Staged> Delete(Entry* entry) {
        if (entry == nullptr || entry->version == 0) {
            return Fail(Code::kNotFound, "no such resource", write_.type);
        }
        CARESTREAM_ASSERT(entry->loaded);
        CARESTREAM_TRY(set_.Open(*entry));
        if (entry->deleted) return Staged{entry, false, true};
        set_.Touch(*entry);
        entry->gone = true;
        entry->stamps.clear();
        entry->newest = std::max(entry->newest, stamp_);
        return Staged{entry, false, false};
    }

    const RestWrite& write_;
    WriteContext& context_;
    WorkingSet& set_;
    const fhir::Stamp stamp_;
};

// "Slot/abc", or the type of what has no id yet: which of several writes it was.
std::string NameOf(const RestWrite& write) {
    return write.id.empty() ? write.type : write.type + "/" + write.id;
}

// A batch takes many jobs, and its locks are held until it has committed.
constexpr std::size_t kTransactionWritesMax = 256;

// What the parts of a transaction may not be. Errors: kInvalid, kLimit.
Result<void> CheckTransaction(const std::vector<RestWrite>& writes) {
    if (writes.size() > kTransactionWritesMax) {
        return Fail(Code::kLimit, "more than " + std::to_string(kTransactionWritesMax) +
                                      " writes in one transaction");
    }
    std::set<std::string> names;
    for (const RestWrite& write : writes) {
        if (write.if_none_exist) {
            return Fail(Code::kInvalid, "If-None-Exist has no place in a transaction",
                        NameOf(write));
        }
        if (!write.id.empty() && !names.insert(NameOf(write)).second) {
            return Fail(Code::kInvalid, "a transaction writes each resource once", NameOf(write));
        }
    }
    return {};
}

Result<std::vector<RestResult>> ApplyAll(const std::vector<RestWrite>& writes,
                                         WriteContext& context, WorkingSet& set) {
    std::vector<Staged> staged;
    for (const RestWrite& write : writes) {
        Result<Staged> one = RestApplier(write, context, set).Run();
        if (!one) {
            Error error = std::move(one).error();
            if (writes.size() > 1) error.path = NameOf(write);
            return Fail(std::move(error));
        }
        staged.push_back(*one);
    }
    set.Finish(0, context.Now());
    std::vector<RestResult> results;
    for (const Staged& one : staged) {
        results.push_back(Describe(*one.entry, one.created, one.unchanged));
    }
    return results;
}

}  // namespace

std::vector<fhir::IdentityKey> IdentifiersOf(const fhir::Node& resource) {
    std::vector<fhir::IdentityKey> keys;
    const fhir::Node* identifiers = resource.Find("identifier");
    if (identifiers == nullptr) return keys;
    const auto add = [&](const fhir::Node& identifier) {
        fhir::IdentityKey key{std::string(identifier.TextOf("system")),
                              std::string(identifier.TextOf("value"))};
        if (!key.system.empty() && !key.value.empty()) keys.push_back(std::move(key));
    };
    if (identifiers->IsObject()) add(*identifiers);
    for (const fhir::Node& identifier : identifiers->items()) add(identifier);
    return keys;
}

void WantRest(const RestWrite& write, WriteContext& context, Wanted& wanted) {
    const std::int16_t type = context.TypeNumber(write.type);
    if (type == 0) return;
    wanted.resources_max += 2;
    if (write.method != RestMethod::kCreate) wanted.ids.push_back({write.tenant, type, write.id});
    for (const fhir::IdentityKey& key : IdentifiersOf(write.resource)) {
        wanted.identities.push_back(context.NameOf(write.tenant, write.type, key));
    }
}

void LockRest(const RestWrite& write, WriteContext& context, WorkingSet& set,
              const std::function<void(Entry&)>& mark) {
    if (write.method == RestMethod::kCreate) return;
    Entry* entry = set.FindId(write.tenant, context.TypeNumber(write.type), write.id);
    if (entry != nullptr) mark(*entry);
}

Result<RestResult> ApplyRest(const RestWrite& write, WriteContext& context, WorkingSet& set) {
    set.Begin();
    const Result<Staged> staged = RestApplier(write, context, set).Run();
    if (!staged) {
        set.Undo();
        return Fail(staged.error());
    }
    set.Finish(0, context.Now());
    return Describe(*staged->entry, staged->created, staged->unchanged);
}

Result<std::vector<RestResult>> ApplyTransaction(const std::vector<RestWrite>& writes,
                                                 WriteContext& context, WorkingSet& set) {
    CARESTREAM_TRY(CheckTransaction(writes));
    set.Begin();
    Result<std::vector<RestResult>> results = ApplyAll(writes, context, set);
    if (!results) set.Undo();
    return results;
}

}  // namespace carestream::store
