#pragma once
// Resources of the store as one thread reads and writes them: waits for each answer.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/node.h"
#include "store/reader.h"
#include "store/writer.h"

namespace carestream::store {

// One thread at a time. Reader and writer outlive it.
class Records {
public:
    // `stopping` ends any waiting with kUnavailable: a store that is down answers when it is up.
    Records(Tenant tenant, Reader& reader, Writer& writer, std::function<bool()> stopping)
        : tenant_(tenant), reader_(reader), writer_(writer), stopping_(std::move(stopping)) {}

    // From the stored resource (null: there is none) to the one that is to be; nullopt: it stays.
    using Change = std::function<std::optional<fhir::Node>(const fhir::Node& current)>;
    // Repeats when another write comes between. One that was deleted stays so. True: it was
    // written.
    // `labelled`: as RestWrite::labelled.
    [[nodiscard]] Result<bool> Update(std::string_view type, const std::string& id,
                                      const Change& change, bool labelled = false);
    [[nodiscard]] Result<void> Put(fhir::Node resource);
    // As Reader::Read.
    [[nodiscard]] Result<StoredVersion> Read(std::string_view type, const std::string& id);
    // As Writer::SubmitTransaction; the tenant is set here.
    [[nodiscard]] Result<std::vector<RestResult>> WriteAll(std::vector<RestWrite> writes);
    [[nodiscard]] Result<SearchPage> Search(search::Query query, std::string position);
    // Without those that cannot be opened, which are named.
    [[nodiscard]] Result<SearchPage> SearchReadable(search::Query query, std::string position);

private:
    [[nodiscard]] Result<RestResult> Write(RestWrite write);
    [[nodiscard]] Result<SearchPage> Search(SearchRequest request);
    template <typename T>
    [[nodiscard]] Result<T> Await(const std::function<void(Callback<T>)>& ask) const;

    const Tenant tenant_;
    Reader& reader_;
    Writer& writer_;
    const std::function<bool()> stopping_;
};

}  // namespace carestream::store
