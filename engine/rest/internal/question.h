#pragma once
// What a search asked, as its answer needs it: shared by the search of stored resources and that of
// the audit.
#include <cstdint>
#include <string>

#include "rest/internal/bundle.h"
#include "rest/internal/exchange.h"
#include "store/reader.h"

namespace carestream::rest {

struct Question {
    std::string url;      // of the search without parameters
    std::string self;     // canonical parameters, form-encoded
    std::string ignored;  // OperationOutcome about ignored parameters, or ""
    std::uint64_t hash = 0;
    bool posted = false;  // parameters came in a body: they stay out of URLs
    int count = 0;
};

// A POST that is no form: answered 415. True = refused.
[[nodiscard]] bool RefuseSearchContent(Exchange& exchange);

// The parsed query, narrowed to what the token may see, and what the answer needs; refusals come as
// errors.
[[nodiscard]] Result<store::SearchRequest> Ask(Exchange& exchange, Question& question);

// self and, when `next` is a position, next.
void AddLinks(const Exchange& exchange, const Question& question, const std::string& next,
              BundleWriter& bundle);

}  // namespace carestream::rest
