#include "reports/internal/records.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "fhir/json.h"

namespace carestream::reports {

namespace {

constexpr int kTriesMax = 16;  // each failure means that another write went through

constexpr std::chrono::milliseconds kLookUp{50};

}  // namespace

template <typename T>
Result<T> Records::Await(const std::function<void(store::Callback<T>)>& ask) const {
    // Shared: the answer may come after nobody waits for it any more.
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    ask([promise](Result<T> answer) { promise->set_value(std::move(answer)); });
    while (future.wait_for(kLookUp) != std::future_status::ready) {
        if (stopping_()) return FailRetryable("the server is stopping");
    }
    return future.get();
}

Result<store::RestResult> Records::Write(store::RestWrite write) {
    write.tenant = tenant_;
    write.method = store::RestMethod::kUpdate;
    return Await<store::RestResult>(
        [&](auto done) { writer_.SubmitRest(std::move(write), std::move(done)); });
}

Result<bool> Records::Update(std::string_view type, const std::string& id, const Change& change) {
    for (int tries = 1;; ++tries) {
        const auto found = Await<store::StoredVersion>(
            [&](auto done) { reader_.Read(tenant_, std::string(type), id, std::move(done)); });
        if (!found && found.error().code != Code::kNotFound) return Fail(found.error());
        if (found && found->deleted) return false;
        fhir::Node current;
        if (found) {
            CARESTREAM_ASSIGN(parsed, fhir::ParseJson(found->body));
            current = std::move(parsed);
        }
        auto next = change(current);
        if (!next) return false;
        store::RestWrite write;
        write.type = type;
        write.id = id;
        write.resource = *std::move(next);
        if (found) write.if_match = found->version;
        const auto written = Write(std::move(write));
        if (written) return !written->unchanged;
        if (written.error().code != Code::kPreconditionFailed) return Fail(written.error());
        if (tries == kTriesMax) {
            return Fail(Error{
                Code::kConflict, "others write it all the time", std::string(type), {}, 0, true});
        }
    }
}

Result<void> Records::Put(fhir::Node resource) {
    store::RestWrite write;
    write.type = resource.TextOf("resourceType");
    write.id = resource.TextOf("id");
    write.resource = std::move(resource);
    CARESTREAM_TRY(Write(std::move(write)));
    return {};
}

Result<store::SearchPage> Records::Search(search::Query query, std::string position) {
    store::SearchRequest request;
    request.tenant = tenant_;
    request.query = std::move(query);
    request.position = std::move(position);
    return Await<store::SearchPage>(
        [&](auto done) { reader_.Search(std::move(request), std::move(done)); });
}

}  // namespace carestream::reports
