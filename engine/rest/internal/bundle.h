#pragma once
// A Bundle as pieces of text: stored bodies are spliced in as they are, neither parsed nor copied.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.h"

namespace carestream::rest {

// Use: links, then entries, then Finish.
class BundleWriter {
public:
    // `type` is "searchset" or "history"; `total` < 0 leaves it out; `base` ends without '/'.
    BundleWriter(std::string_view type, std::int64_t total, std::string base);

    void Link(std::string_view relation, std::string_view url);
    // `mode` is "match" or "include".
    void SearchEntry(store::StoredVersion version, std::string_view mode);
    // An OperationOutcome about the search itself.
    void OutcomeEntry(std::string_view outcome_json);
    void HistoryEntry(store::StoredVersion version);
    [[nodiscard]] std::vector<std::string> Finish();

private:
    void BeginEntry();
    void FullUrl(const store::StoredVersion& version);
    void Splice(std::string body);

    std::string base_;
    std::vector<std::string> pieces_;
    std::string glue_;  // text not yet among the pieces
    bool has_links_ = false;
    bool has_entries_ = false;
};

}  // namespace carestream::rest
