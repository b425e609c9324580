#pragma once
// Resources of the store as one thread reads and writes them: waits for each answer.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "fhir/node.h"
#include "store/reader.h"
#include "store/writer.h"

namespace carestream::reports {

// One thread at a time. Reader and writer outlive it.
class Records {
public:
    // `stopping` ends any waiting with kUnavailable: a store that is down answers when it is up.
    Records(store::Tenant tenant, store::Reader& reader, store::Writer& writer,
            std::function<bool()> stopping)
        : tenant_(tenant), reader_(reader), writer_(writer), stopping_(std::move(stopping)) {}

    // From the stored resource (null: there is none) to the one that is to be; nullopt: it stays.
    using Change = std::function<std::optional<fhir::Node>(const fhir::Node& current)>;
    // Repeats when another write comes between. One that was deleted stays so. True: it was
    // written.
    [[nodiscard]] Result<bool> Update(std::string_view type, const std::string& id,
                                      const Change& change);
    [[nodiscard]] Result<void> Put(fhir::Node resource);
    [[nodiscard]] Result<store::SearchPage> Search(search::Query query, std::string position);

private:
    [[nodiscard]] Result<store::RestResult> Write(store::RestWrite write);
    template <typename T>
    [[nodiscard]] Result<T> Await(const std::function<void(store::Callback<T>)>& ask) const;

    const store::Tenant tenant_;
    store::Reader& reader_;
    store::Writer& writer_;
    const std::function<bool()> stopping_;
};

}  // namespace carestream::reports
