#include "mapping/feed_coverage.h"

#include <algorithm>
#include <string_view>

#include "hl7/path.h"

namespace carestream::mapping {

namespace {

constexpr std::string_view kUnknownCode = "code not in table ";
constexpr std::size_t kCodeBytesMax = 40;  // what is longer is no code

std::string WithoutRepetitions(std::string_view path) {
    std::string text;
    bool inside = false;
    for (const char c : path) {
        if (c == '[') inside = true;
        if (!inside) text += c;
        if (c == ']') inside = false;
    }
    return text;
}

std::string Reason(const Mapped& mapped) {
    return mapped.path.empty() ? mapped.reason : mapped.path + ": " + mapped.reason;
}

}  // namespace

void FeedCoverage::CountOne(Tallies& tallies, std::string what, std::string more,
                            const std::string& event) {
    Tally& tally = tallies[{std::move(what), std::move(more)}];
    ++tally.values;
    if (tally.last_message != messages_) ++tally.messages;
    tally.last_message = messages_;
    tally.events.insert(event);
}

void FeedCoverage::CountCode(const hl7::Message& message, const std::string& path,
                             const std::string& table, const std::string& event) {
    std::string code = "(not a code)";
    if (const auto parsed = hl7::ParsePath(path)) {
        const auto pieces = hl7::Resolve(message, *parsed);
        if (!pieces.empty() && pieces[0].size() <= kCodeBytesMax) code = message.Decode(pieces[0]);
    }
    const std::pair key(WithoutRepetitions(path) + " (table " + table + ")", code);
    if (codes_.size() >= kCodesMax && !codes_.contains(key)) {
        CountOne(codes_, "(others)", "", event);
        return;
    }
    CountOne(codes_, key.first, key.second, event);
}

void FeedCoverage::Add(const hl7::Message& message, const Mapped& mapped) {
    ++messages_;
    const std::string& event = mapped.report.event;
    if (mapped.status == MapStatus::kNoMap) return CountOne(no_map_, event, mapped.reason, event);
    if (mapped.status == MapStatus::kUnusable) {
        return CountOne(unusable_, Reason(mapped), "", event);
    }
    ++mapped_;
    values_ += mapped.report.leaves;
    values_used_ += mapped.report.mapped.size();
    for (const Unmapped& lost : mapped.report.unmapped) {
        if (lost.reason.starts_with(kUnknownCode)) {
            CountCode(message, lost.path, lost.reason.substr(kUnknownCode.size()), event);
        }
        CountOne(lost.reason == "no rule" ? no_rule_ : dropped_, WithoutRepetitions(lost.path),
                 lost.reason == "no rule" ? "" : lost.reason, event);
    }
    for (const std::string& note : mapped.report.notes) {
        const std::size_t colon = note.find(": ");
        if (colon == note.npos ||
            !std::string_view(note).substr(colon + 2).starts_with(kUnknownCode))
            continue;
        const std::size_t table = colon + 2 + kUnknownCode.size();
        CountCode(message, note.substr(0, colon), note.substr(table, note.find(';', table) - table),
                  event);
    }
}

FeedCoverage::Summary FeedCoverage::Summarise() const {
    const auto sorted = [](const Tallies& tallies) {
        std::vector<Count> list;
        for (const auto& [key, tally] : tallies) {
            list.push_back({key.first,
                            key.second,
                            tally.values,
                            tally.messages,
                            {tally.events.begin(), tally.events.end()}});
        }
        std::stable_sort(list.begin(), list.end(),
                         [](const Count& a, const Count& b) { return a.values > b.values; });
        return list;
    };
    Summary summary;
    summary.messages = messages_ + unreadable_;
    summary.mapped = mapped_;
    summary.unreadable = unreadable_;
    summary.values = values_;
    summary.values_used = values_used_;
    summary.no_map = sorted(no_map_);
    summary.unusable = sorted(unusable_);
    summary.no_rule = sorted(no_rule_);
    summary.dropped = sorted(dropped_);
    summary.codes = sorted(codes_);
    return summary;
}

fhir::Node ToNode(const FeedCoverage::Summary& summary) {
    using fhir::Node;
    const auto number = [](std::size_t value) { return Node::Number(std::to_string(value)); };
    Node root = Node::Object();
    root.Set("messages", number(summary.messages));
    root.Set("mapped", number(summary.mapped));
    root.Set("unreadable", number(summary.unreadable));
    root.Set("values", number(summary.values));
    root.Set("values_used", number(summary.values_used));
    const auto add = [&](const char* name, const std::vector<FeedCoverage::Count>& counts,
                         const char* what, const char* more) {
        Node list = Node::Array();
        for (const FeedCoverage::Count& count : counts) {
            Node one = Node::Object();
            one.Set(what, Node::String(count.what));
            if (!count.more.empty()) one.Set(more, Node::String(count.more));
            one.Set("values", number(count.values));
            one.Set("messages", number(count.messages));
            Node events = Node::Array();
            for (const std::string& event : count.events)
                events.items().push_back(Node::String(event));
            one.Set("events", std::move(events));
            list.items().push_back(std::move(one));
        }
        root.Set(name, std::move(list));
    };
    add("no_map", summary.no_map, "event", "reason");
    add("unusable", summary.unusable, "reason", "more");
    add("no_rule", summary.no_rule, "path", "reason");
    add("dropped", summary.dropped, "path", "reason");
    add("unknown_codes", summary.codes, "path", "code");
    return root;
}

}  // namespace carestream::mapping
