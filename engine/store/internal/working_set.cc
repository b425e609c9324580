#include "store/internal/working_set.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "fhir/json.h"

namespace carestream::store {
namespace {

constexpr std::size_t kStampBytes = 16;
// What so many batches did not ask for is forgotten, where many are kept.
constexpr std::int64_t kBatchesKept = 3;
constexpr std::size_t kEntriesKept = 1024;

void Put64(std::string& out, std::int64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        out += static_cast<char>((static_cast<std::uint64_t>(value) >> shift) & 0xff);
    }
}

std::int64_t Get64(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes.substr(0, 8)) {
        value = value << 8 | static_cast<unsigned char>(byte);
    }
    return static_cast<std::int64_t>(value);
}

bool IsVersionMember(std::string_view name) {
    return name == "versionId" || name == "lastUpdated";
}

// FHIR's instants have milliseconds here; the row holds the same time as the body.
Micros ToMillis(Micros time) {
    return time - time % 1000;
}

}  // namespace

std::string PackStamps(const fhir::Stamp& newest, std::string_view stamps) {
    std::string out;
    out.reserve(kStampBytes + stamps.size());
    Put64(out, newest.order_time);
    Put64(out, newest.seq);
    out += stamps;
    return out;
}

void WriteBody(const fhir::Node& node, std::string_view type, std::string_view id,
               std::int32_t version, Micros updated, std::string& out) {
    out.append(R"({"resourceType":")").append(type).append(R"(","id":)");
    fhir::WriteJsonString(id, out);
    out.append(R"(,"meta":{"versionId":")").append(std::to_string(version));
    out.append(R"(","lastUpdated":")").append(FormatInstant(updated)).append("\"");
    if (const fhir::Node* meta = node.Find("meta")) {
        for (const fhir::Member& member : meta->members()) {
            if (IsVersionMember(member.name)) continue;
            out += ',';
            fhir::WriteJsonString(member.name, out);
            out += ':';
            fhir::WriteJson(member.value, out);
        }
    }
    out += '}';
    for (const fhir::Member& member : node.members()) {
        if (member.name == "resourceType" || member.name == "id" || member.name == "meta") continue;
        out += ',';
        fhir::WriteJsonString(member.name, out);
        out += ':';
        fhir::WriteJson(member.value, out);
    }
    out += '}';
}

std::size_t IdentityNameHash::operator()(const IdentityName& name) const {
    std::size_t hash;
    std::memcpy(&hash, name.token.data(), sizeof hash);  // a token is as good as random
    return hash ^ static_cast<std::size_t>(name.type);
}

std::string WorkingSet::IdKeyOf(Tenant tenant, std::int16_t type, std::string_view id) {
    std::string key;
    key.reserve(id.size() + 4);
    for (const std::int16_t part : {tenant, type}) {
        key += static_cast<char>(part >> 8);
        key += static_cast<char>(part & 0xff);
    }
    return key.append(id);
}

Entry& WorkingSet::AddNew(Tenant tenant, std::int16_t type, std::string_view id, std::int64_t pk) {
    Entry& entry = entries_.emplace_back();
    entry.tenant = tenant;
    entry.type_number = type;
    entry.type = definitions_.ResourceTypes()[static_cast<std::size_t>(type - 1)];
    entry.id = id;
    entry.pk = pk;
    entry.loaded = true;
    entry.used = batch_;
    by_pk_[pk] = &entry;
    by_id_[IdKeyOf(tenant, type, id)] = &entry;
    return entry;
}

Entry& WorkingSet::AddRow(Tenant tenant, std::int16_t type, std::string_view id, std::int64_t pk) {
    if (Entry* known = FindPk(pk)) return *known;
    Entry& entry = AddNew(tenant, type, id, pk);
    entry.row_stored = true;
    entry.loaded = false;
    return entry;
}

Entry* WorkingSet::FindPk(std::int64_t pk) {
    const auto found = by_pk_.find(pk);
    if (found == by_pk_.end()) return nullptr;
    found->second->used = batch_;
    return found->second;
}

Entry* WorkingSet::FindId(Tenant tenant, std::int16_t type, std::string_view id) {
    const auto found = by_id_.find(IdKeyOf(tenant, type, id));
    if (found == by_id_.end()) return nullptr;
    found->second->used = batch_;
    return found->second;
}

Entry* WorkingSet::FindIdentity(const IdentityName& name) {
    const auto found = identities_.find(name);
    if (found == identities_.end()) return nullptr;
    found->second->used = batch_;
    return found->second;
}

void WorkingSet::AddIdentity(const IdentityName& name, Entry& entry, bool exclusive) {
    if (!identities_.emplace(name, &entry).second) return;
    new_identities.push_back({name, entry.pk, exclusive});
}

void WorkingSet::RemoveIdentity(const IdentityName& name, Entry& entry) {
    const auto found = identities_.find(name);
    if (found != identities_.end() && found->second != &entry) return;
    if (found != identities_.end()) identities_.erase(found);
    for (NewIdentity& made : new_identities) {
        if (made.name == name) made.pk = 0;  // added by this batch, and never written
    }
    gone_identities.push_back({name, entry.pk, false});
}

void WorkingSet::ChangeLink(Tenant tenant, Entry& loser, Entry* survivor) {
    const auto known = links_.find(loser.pk);
    const std::int64_t before = known == links_.end() ? 0 : known->second;
    const std::int64_t after = survivor == nullptr ? 0 : survivor->pk;
    if (before == after) return;
    saved_links_.emplace_back(loser.pk, before);
    links_[loser.pk] = after;
    new_links.push_back({tenant, loser.pk, after});
}

Entry* WorkingSet::LinkOf(const Entry& entry) {
    const auto found = links_.find(entry.pk);
    return found == links_.end() || found->second == 0 ? nullptr : FindPk(found->second);
}

Entry& WorkingSet::Canonical(Entry& entry) {
    Entry* at = &entry;
    for (int step = 0; step < kLinkSteps; ++step) {
        Entry* next = LinkOf(*at);
        if (next == nullptr) return *at;
        at = next;
    }
    return entry;
}

Result<void> WorkingSet::Open(Entry& entry) {
    if (entry.opened) return {};
    const BodyName name{entry.tenant, entry.type, entry.id, entry.version};
    if (!entry.sealed_body.empty()) {
        CARESTREAM_ASSIGN(body, codec_.OpenBody(name, entry.sealed_body));
        entry.body = std::move(body);
    }
    if (!entry.sealed_stamps.empty()) {
        CARESTREAM_ASSIGN(packed, codec_.OpenStamps(name, entry.sealed_stamps));
        if (packed.size() < kStampBytes) {
            return Fail(Code::kInternal, "element stamps are cut off", std::string(entry.type));
        }
        entry.newest = {Get64(packed), Get64(std::string_view(packed).substr(8))};
        entry.stamps = packed.substr(kStampBytes);
    }
    entry.opened = true;
    entry.sealed_body.clear();
    entry.sealed_stamps.clear();
    return {};
}

Result<void> WorkingSet::Parse(Entry& entry) {
    CARESTREAM_TRY(Open(entry));
    if (entry.node.has_value()) return {};
    entry.node.emplace();
    if (entry.body.empty()) return {};
    CARESTREAM_ASSIGN(node, fhir::ParseJson(entry.body));
    entry.node = std::move(node);
    return {};
}

void WorkingSet::Begin() {
    saved_.clear();
    saved_links_.clear();
    marks_ = {new_identities.size(), gone_identities.size(), new_links.size(),
              new_conflicts.size()};
}

void WorkingSet::Touch(Entry& entry) {
    CARESTREAM_ASSERT(entry.opened);
    for (const Saved& saved : saved_) {
        if (saved.entry == &entry) return;
    }
    saved_.push_back({&entry, entry.version, entry.deleted, entry.stamps_changed, entry.body,
                      entry.stamps, entry.newest});
}

void WorkingSet::Undo() {
    for (Saved& saved : saved_) {
        Entry& entry = *saved.entry;
        entry.version = saved.version;
        entry.deleted = saved.deleted;
        entry.stamps_changed = saved.stamps_changed;
        entry.body = std::move(saved.body);
        entry.stamps = std::move(saved.stamps);
        entry.newest = saved.newest;
        entry.node.reset();  // parsed again from the body when needed
        entry.dirty = false;
        entry.gone = false;
    }
    for (std::size_t i = marks_.identities; i < new_identities.size(); ++i) {
        identities_.erase(new_identities[i].name);
    }
    new_identities.resize(marks_.identities);
    for (std::size_t i = marks_.gone; i < gone_identities.size(); ++i) {
        identities_[gone_identities[i].name] = FindPk(gone_identities[i].pk);
    }
    gone_identities.resize(marks_.gone);
    for (auto link = saved_links_.rbegin(); link != saved_links_.rend(); ++link) {
        links_[link->first] = link->second;
    }
    new_links.resize(marks_.links);
    new_conflicts.resize(marks_.conflicts);
    Begin();
}

void WorkingSet::MakeVersion(Entry& entry, std::int64_t message, Micros now) {
    const bool existed = entry.Exists();
    if (entry.versions.empty()) entry.stored_body = entry.body;
    // Never before its predecessor, whatever the clock does.
    entry.updated = ToMillis(std::max(now, entry.version > 0 ? entry.updated : now));
    ++entry.version;
    entry.deleted = entry.gone;
    entry.body.clear();
    NewVersion& made = entry.versions.emplace_back();
    made.version = entry.version;
    made.updated = entry.updated;
    made.message = message;
    made.ordinal = versions_made_++;
    if (entry.gone) {
        made.kind = EventKind::kDeleted;
        entry.node.emplace();
        return;
    }
    made.kind = existed ? EventKind::kUpdated : EventKind::kCreated;
    WriteBody(*entry.node, entry.type, entry.id, entry.version, entry.updated, entry.body);
    made.json = entry.body;
}

bool WorkingSet::HasRow(std::int64_t pk) {
    const Entry* entry = FindPk(pk);
    return entry != nullptr && (entry->row_stored || entry->reserved || !entry->versions.empty());
}

void WorkingSet::NextBatch() {
    for (Entry& entry : entries_) {
        entry.row_stored = entry.row_stored || entry.reserved || !entry.versions.empty();
        entry.reserved = false;
        entry.stamps_changed = false;
        entry.stored_body.clear();
        entry.versions.clear();
    }
    Forget();
    new_identities.clear();
    gone_identities.clear();
    new_links.clear();
    new_conflicts.clear();
    visit_resources.clear();
    // Not FindPk: looking here is no use of it, or it would never be forgotten.
    std::erase_if(held, [&](const auto& one) { return by_pk_.count(one.first.first) == 0; });
    versions_made_ = 0;
    ++batch_;
    Begin();
}

// A link needs both of its ends, and a chain all of its links: who uses one uses all.
void WorkingSet::UseLinked() {
    for (bool again = !links_.empty(); again;) {
        again = false;
        for (const auto& [loser, survivor] : links_) {
            const auto one = by_pk_.find(loser);
            const auto other = by_pk_.find(survivor);
            if (one == by_pk_.end() || other == by_pk_.end()) continue;
            if (one->second->used == other->second->used) continue;
            one->second->used = other->second->used =
                std::max(one->second->used, other->second->used);
            again = true;
        }
    }
}

void WorkingSet::Forget() {
    UseLinked();
    const bool many = entries_.size() > kEntriesKept;
    const auto forgettable = [&](const Entry& entry) {
        return !entry.row_stored || (many && entry.used + kBatchesKept < batch_);
    };
    std::erase_if(identities_, [&](const auto& named) { return forgettable(*named.second); });
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        if (!forgettable(*entry)) {
            ++entry;
            continue;
        }
        by_pk_.erase(entry->pk);
        by_id_.erase(IdKeyOf(entry->tenant, entry->type_number, entry->id));
        entry = entries_.erase(entry);
    }
    std::erase_if(links_, [&](const auto& link) { return by_pk_.count(link.first) == 0; });
}

std::vector<Entry*> WorkingSet::Finish(std::int64_t message, Micros now) {
    std::vector<Entry*> made;
    for (const Saved& saved : saved_) {
        Entry& entry = *saved.entry;
        if (entry.dirty || entry.gone) {
            MakeVersion(entry, message, now);
            made.push_back(&entry);
        }
        entry.dirty = false;
        entry.gone = false;
    }
    saved_.clear();
    saved_links_.clear();
    return made;
}

}  // namespace carestream::store
