#include "store/records.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "fhir/json.h"

namespace carestream::store {

namespace {

constexpr int kTriesMax = 16;  // each failure means that another write went through

constexpr std::chrono::milliseconds kLookUp{50};

}  // namespace

template <typename T>
Result<T> Records::Await(const std::function<void(Callback<T>)>& ask) const {
    // Shared: the answer may come after nobody waits for it any more.
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    ask([promise](Result<T> answer) { promise->set_value(std::move(answer)); });
    while (future.wait_for(kLookUp) != std::future_status::ready) {
        if (stopping_()) return FailRetryable("the server is stopping");
    }
    return future.get();
}

Result<RestResult> Records::Write(RestWrite write) {
    write.tenant = tenant_;
    write.method = RestMethod::kUpdate;
    return Await<RestResult>(
        [&](auto done) { writer_.SubmitRest(std::move(write), std::move(done)); });
}

Result<StoredVersion> Records::Read(std::string_view type, const std::string& id) {
    return Await<StoredVersion>(
        [&](auto done) { reader_.Read(tenant_, std::string(type), id, std::move(done)); });
}

Result<std::vector<RestResult>> Records::WriteAll(std::vector<RestWrite> writes) {
    RestTransaction transaction;
    transaction.writes = std::move(writes);
    for (RestWrite& write : transaction.writes) write.tenant = tenant_;
    return Await<std::vector<RestResult>>(
        [&](auto done) { writer_.SubmitTransaction(std::move(transaction), std::move(done)); });
}

Result<bool> Records::Update(std::string_view type, const std::string& id, const Change& change,
                             bool labelled) {
    for (int tries = 1;; ++tries) {
        const auto found = Read(type, id);
        if (!found && found.error().code != Code::kNotFound) return Fail(found.error());
        if (found && found->deleted) return false;
        fhir::Node current;
        if (found) {
            CARESTREAM_ASSIGN(parsed, fhir::ParseJson(found->body));
            current = std::move(parsed);
        }
        auto next = change(current);
        if (!next) return false;
        RestWrite write;
        write.type = type;
        write.id = id;
        write.resource = *std::move(next);
        write.labelled = labelled;
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
    RestWrite write;
    write.type = resource.TextOf("resourceType");
    write.id = resource.TextOf("id");
    write.resource = std::move(resource);
    CARESTREAM_TRY(Write(std::move(write)));
    return {};
}

Result<SearchPage> Records::Search(search::Query query, std::string position) {
    SearchRequest request;
    request.query = std::move(query);
    request.position = std::move(position);
    return Search(std::move(request));
}

Result<SearchPage> Records::SearchReadable(search::Query query, std::string position) {
    SearchRequest request;
    request.query = std::move(query);
    request.position = std::move(position);
    request.leave_out_unreadable = true;
    return Search(std::move(request));
}

Result<SearchPage> Records::Search(SearchRequest request) {
    request.tenant = tenant_;
    return Await<SearchPage>(
        [&](auto done) { reader_.Search(std::move(request), std::move(done)); });
}

}  // namespace carestream::store
