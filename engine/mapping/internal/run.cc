// Statements: which resources are made, what they are called and how they refer to each other.
#include "mapping/internal/run.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace carestream::mapping::internal {

namespace {

// Marks a reference until its id is known; never part of a decoded text that passes ToPrimitive.
constexpr char kPlaceholder = '\x01';

// Parts of a key joined so that no two lists of parts give the same text.
void AppendPart(std::string& key, std::string_view part) {
    if (!key.empty()) key.push_back('|');
    for (const char c : part) {
        if (c == '|' || c == '\\') key.push_back('\\');
        key.push_back(c);
    }
}

std::string ReceivedText(Micros received) {
    std::string text;
    for (const char c : FormatInstant(received, true)) {
        if ((c >= '0' && c <= '9') || c == '.') text.push_back(c);
    }
    return text + "+0000";
}

}  // namespace

Run::Run(const Model& model, const hl7::Message& message, const MapContext& context)
    : model_(model), message_(message), context_(context), ledger_(message) {
    conversion_.zone = Zone::Find(context.time_zone);
    conversion_.dst = context.dst;
    if (context.received != 0) received_ = ReceivedText(context.received);
}

void Run::ReadHeader() {
    const std::size_t msh = message_.FindSegment("MSH");
    const std::string_view type = message_.Repetition(msh, 9, 1);
    event_ = message_.Decode(message_.Component(type, 2));
    ledger_.Mapped(type, kNoResource);
    for (const int field : {3, 4}) {
        const std::string_view name =
            message_.Subcomponent(message_.Component(message_.Repetition(msh, field, 1), 1), 1);
        ledger_.Mapped(name, kNoResource);
        if (field == 4) sender_.push_back('|');
        sender_ += message_.Decode(name);
    }
    ledger_.Mapped(message_.Repetition(msh, 18, 1), kNoResource);  // decided how bytes are read
}

Mapped Run::Execute(const MessageMap& map, Trace* trace) {
    Mapped out;
    if (trace != nullptr) ledger_.Follow(frame_);
    out.map_name = map.name;
    out.map_version = model_.version;
    ReadHeader();
    matching_ = Match(map.root, message_);
    Walk(matching_.groups.front());
    for (const std::size_t segment : matching_.out_of_order) {
        notes_.push_back(std::string(message_.SegmentId(segment)) +
                         ": not where the structure has it; taken all the same");
    }
    Finish(map, out);
    if (trace != nullptr) FillTrace(out.report, *trace);
    return out;
}

void Run::FillTrace(const LossReport& report, Trace& trace) const {
    for (Ledger::LeafOrigins& leaf : ledger_.Origins(report)) {
        Trace::Leaf& out = trace.leaves.emplace_back();
        out.path = std::move(leaf.path);
        out.reason = std::move(leaf.reason);
        if (!out.reason.empty()) continue;
        for (const Ledger::Origin& origin : leaf.origins) {
            Trace::Use use;
            for (const RuleFrame& frame : origin.rules) {
                use.rules.push_back(frame.rule->position);
                if (frame.resource != origin.resource) continue;
                const Target& target = frame.rule->target;
                const std::string step =
                    target.extension.empty() ? target.text : "extension(" + target.extension + ")";
                if (step.empty() || step == ".") continue;
                use.element += (use.element.empty() ? "" : ".") + step;
            }
            if (origin.resource != kNoResource) {
                const Made& made = made_[Final(origin.resource)];
                use.resource = made.type + "/" + made.id;
            }
            out.uses.push_back(std::move(use));
        }
    }
}

void Run::Walk(Group& group) {
    for (const Group::Entry& entry : group.entries) {
        if (entry.group != nullptr) {
            Walk(*entry.group);
            continue;
        }
        for (const Statement& statement : group.node->children[entry.child].statements) {
            RunStatement(statement, group, entry.segment);
        }
    }
}

void Run::RunStatement(const Statement& statement, Group& group, std::size_t segment) {
    Here here;
    here.segment = segment;
    here.code = PackSegment(message_.SegmentId(segment));
    here.group = &group;
    const std::size_t decided = decided_.size();
    const std::size_t before = writes_;
    if (!statement.when || Test(*statement.when, here)) {
        switch (statement.kind) {
            case Statement::Kind::kMake:
                Make(statement, here);
                break;
            case Statement::Kind::kInto:
                Into(statement, here);
                break;
            default:
                Relate(statement, group);
        }
    }
    if (writes_ != before) {
        for (std::size_t i = decided; i < decided_.size(); ++i) {
            ledger_.Mapped(decided_[i], kNoResource);
        }
    }
    Forget(decided);
}

std::size_t Run::NewResource(std::string_view type, std::size_t owner, const Here& here) {
    const std::size_t index = made_.size();
    made_.emplace_back();
    Made& made = made_.back();
    made.type = std::string(type);
    made.identity = model_.FindIdentity(type);
    made.owner = owner;
    made.segment = here.segment;
    made.node = fhir::Node::Object();
    made.node.Set("resourceType", fhir::Node::String(made.type));
    made.node.Set("id", fhir::Node::String(""));  // once it is known
    return index;
}

void Run::Bind(const std::string& name, Group& group, std::size_t resource) {
    if (name.empty()) return;
    group.scope()->names.push_back({&name, resource});
}

std::size_t Run::FindName(const std::string& name, Group& group) const {
    for (Group* scope = group.scope(); scope != nullptr;
         scope = scope->parent == nullptr ? nullptr : scope->parent->scope()) {
        for (std::size_t i = scope->names.size(); i-- > 0;) {
            if (*scope->names[i].name == name) return scope->names[i].resource;
        }
    }
    return kNoResource;
}

void Run::TakeLocalKey(const std::vector<Operand>& key, const Here& here, std::size_t resource) {
    Made& made = made_[resource];
    if (key.empty() || made.has_local_key) return;
    bool any = false;
    std::string text;
    for (const Operand& operand : key) {
        const Value value = First(operand, here);
        const std::string part = IsValued(value) ? PlainText(value) : std::string();
        any = any || !part.empty();
        AppendPart(text, part);
    }
    if (!any) return;
    made.has_local_key = true;
    made.local_key = std::move(text);
}

std::string Run::FoldKey(const Statement& statement, const Here& here) {
    std::string key;
    for (const Operand& operand : statement.fold_same) {
        AppendPart(key, PlainText(First(operand, here)));
    }
    return key;
}

// True if this segment goes on with the resource of the segment before it.
bool Run::TryFold(const Statement& statement, const Here& here, std::size_t& resource) {
    const Group* around = here.group->node->repeats && here.group->parent != nullptr
                              ? here.group->parent
                              : here.group;
    const auto last = std::find_if(folds_.begin(), folds_.end(),
                                   [&](const Fold& fold) { return fold.statement == &statement; });
    const std::size_t decided = decided_.size();
    const bool folds = !statement.fold_when || Test(*statement.fold_when, here);
    Forget(decided);
    if (!folds) {
        if (last != folds_.end()) last->resource = kNoResource;
        return false;
    }
    const std::string same = FoldKey(statement, here);
    if (last != folds_.end() && last->resource != kNoResource && last->around == around &&
        last->same == same) {
        resource = last->resource;
        return true;
    }
    Fold fold{&statement, around, made_.size(), same};
    if (last == folds_.end()) {
        folds_.push_back(std::move(fold));
    } else {
        *last = std::move(fold);
    }
    return false;
}

void Run::Fill(const Statement& statement, const Here& here) {
    for (const Map* map : statement.maps) RunRules(map->rules, here);
    RunRules(statement.rules, here);
}

void Run::Make(const Statement& statement, Here here) {
    std::size_t resource = kNoResource;
    if (statement.folds && TryFold(statement, here, resource)) {
        here.element = {&made_[resource].node, resource, &made_[resource].bindings, true};
        Bind(statement.name, *here.group, resource);
        return Fill(statement, here);
    }
    const std::size_t before = writes_;
    resource = NewResource(statement.type, kNoResource, here);
    Made& made = made_[resource];
    made.statement = &statement;
    made.mode = statement.mode;
    for (const auto& [event, mode] : statement.mode_by_event) {
        if (event == event_) made.mode = mode;
    }
    made.only_with_others = statement.only_with_others;
    here.element = {&made.node, resource, &made.bindings, true};
    Fill(statement, here);
    if (writes_ == before) {
        made.dropped = true;
        if (statement.folds && !folds_.empty()) {
            for (Fold& fold : folds_) {
                if (fold.resource == resource) fold.resource = kNoResource;
            }
        }
        return;
    }
    for (const Map* map : statement.maps) TakeLocalKey(map->key, here, resource);
    Bind(statement.name, *here.group, resource);
    for (const std::string& name : statement.parents) {
        const std::size_t parent = FindName(name, *here.group);
        if (parent != kNoResource && parent != resource) made.parents.push_back(parent);
    }
    for (const ReferenceRule& ref : statement.refs) Refer(ref, resource, *here.group, false);
}

void Run::Into(const Statement& statement, Here here) {
    const std::size_t resource = FindName(statement.name, *here.group);
    if (resource == kNoResource) return;
    Made& made = made_[resource];
    here.element = {&made.node, resource, &made.bindings, true};
    // References first, so that constants find the entries that they make.
    for (const ReferenceRule& ref : statement.refs) Refer(ref, resource, *here.group, false);
    Fill(statement, here);
}

void Run::Relate(const Statement& statement, Group& group) {
    const std::size_t first = FindName(statement.first, group);
    const std::size_t second = FindName(statement.second, group);
    if (first == kNoResource || second == kNoResource) return;
    relations_.push_back({&statement, first, second});
}

fhir::Node Run::ReferenceTo(std::size_t resource) {
    fhir::Node reference = fhir::Node::Object();
    reference.Set("reference", fhir::Node::String(kPlaceholder + std::to_string(resource)));
    return reference;
}

void Run::Refer(const ReferenceRule& rule, std::size_t resource, Group& group, bool last_try) {
    if (rule.all) {
        all_references_.emplace_back(&rule, resource);
        return;
    }
    const std::string& name = rule.name.empty() ? rule.owner : rule.name;
    const std::size_t other = FindName(name, group);
    if (other == kNoResource) {
        if (!last_try) deferred_.push_back({&rule, resource, &group});
        return;
    }
    const std::size_t owner = rule.name.empty() ? other : resource;
    const std::size_t referred = rule.name.empty() ? resource : other;
    Made& made = made_[owner];
    const Element element{&made.node, owner, &made.bindings, true};
    (void)PutNode(rule.target, std::nullopt, element, ReferenceTo(referred));
}

void Run::ResolveDeferred() {
    for (const Deferred& deferred : deferred_) {
        Refer(*deferred.rule, deferred.resource, *deferred.group, true);
    }
}

void Run::Warn(std::string_view piece, std::string_view what) {
    notes_.push_back(ledger_.PathAt(piece) + ": " + std::string(what));
}

}  // namespace carestream::mapping::internal
