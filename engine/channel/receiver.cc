#include "channel/receiver.h"

#include <vector>

namespace carestream::channel {

namespace {

using hl7::AckCode;
using Steady = std::chrono::steady_clock;

constexpr const char* kStoreDown = "the message cannot be stored now; send it again";

std::string SourceOf(const Channel& channel, const hl7::Header& header) {
    return channel.settings.name + "|" + header.sending_application + "|" + header.sending_facility;
}

}  // namespace

struct Receiver::Arrival {
    std::uint64_t number = 0;
    std::shared_ptr<const Channel> channel;
    Decision decision;
    std::string payload;
    Micros received = 0;
    Steady::time_point began;
    Steady::time_point deadline;
    std::shared_ptr<Exchange> exchange;
};

// Looked up once: a frame costs no label look-ups.
struct Receiver::Meters {
    Meters(telemetry::Metrics& metrics_, std::string channel_)
        : metrics(metrics_),
          channel(std::move(channel_)),
          messages(metrics.counter("carestream_messages_received_total", "Frames received.",
                                   {{"channel", channel}})),
          bytes(metrics.counter("carestream_message_bytes_total", "Payload bytes received.",
                                {{"channel", channel}})),
          duplicates(metrics.counter("carestream_duplicates_total",
                                     "Messages that were accepted before and got their first ACK "
                                     "again.",
                                     {{"channel", channel}})),
          reused(metrics.counter("carestream_control_ids_reused_total",
                                 "Messages with a known MSH-10 and other content.",
                                 {{"channel", channel}})),
          unmapped(metrics.counter("carestream_unmapped_events_total",
                                   "Messages kept without a map for their event.",
                                   {{"channel", channel}})),
          unanswerable(metrics.counter("carestream_unanswerable_frames_total",
                                       "Refused frames without usable MSH or legible MSH-10: their "
                                       "links were closed.",
                                       {{"channel", channel}})),
          ack_seconds(metrics.histogram("carestream_ack_seconds",
                                        "From the last byte of a frame to its ACK.",
                                        {{"channel", channel}})),
          held(metrics.gauge("carestream_held_messages",
                             "Frames whose ACK is withheld because the store cannot commit.",
                             {{"channel", channel}})) {
        for (std::size_t i = 0; i < std::size(acks); ++i) {
            acks[i] =
                &metrics.counter("carestream_acks_total", "Acknowledgments sent, by code.",
                                 {{"channel", channel},
                                  {"code", std::string(hl7::ToString(static_cast<AckCode>(i)))}});
        }
    }
    telemetry::Metrics& metrics;
    const std::string channel;
    telemetry::Counter& messages;
    telemetry::Counter& bytes;
    telemetry::Counter& duplicates;
    telemetry::Counter& reused;
    telemetry::Counter& unmapped;
    telemetry::Counter& unanswerable;
    telemetry::Histogram& ack_seconds;
    telemetry::Gauge& held;
    telemetry::Counter* acks[6] = {};  // by AckCode
};

Receiver::Receiver(Parts parts, std::shared_ptr<const Channel> channel)
    : parts_(parts),
      meters_(std::make_unique<Meters>(parts.metrics, channel->settings.name)),
      channel_(std::move(channel)) {}

Receiver::~Receiver() = default;

void Receiver::Use(std::shared_ptr<const Channel> channel) {
    const std::lock_guard lock(mutex_);
    channel_ = std::move(channel);
}

std::shared_ptr<const Channel> Receiver::Current() const {
    const std::lock_guard lock(mutex_);
    return channel_;
}

void Receiver::Receive(std::string payload, std::shared_ptr<Exchange> exchange) {
    auto arrival = std::make_shared<Arrival>();
    arrival->number = ++arrivals_;
    arrival->channel = Current();
    arrival->received = parts_.clock.Now();
    arrival->began = Steady::now();
    arrival->deadline =
        arrival->began + std::chrono::milliseconds(arrival->channel->settings.ack_hold_ms);
    arrival->decision = Decide(*arrival->channel, payload);
    arrival->payload = std::move(payload);
    arrival->exchange = std::move(exchange);
    last_received_ = arrival->received;
    meters_->messages.Add();
    meters_->bytes.Add(static_cast<double>(arrival->payload.size()));
    if (!arrival->decision.accepted) CountRefused(arrival->decision.why);
    if (arrival->decision.unmapped) meters_->unmapped.Add();
    bool hold = false;
    {
        const std::lock_guard lock(mutex_);
        hold = holding_;
    }
    if (hold || !parts_.journal.Available()) {
        Hold(arrival);
    } else {
        Submit(arrival);
    }
}

void Receiver::Oversized(std::string_view head, std::shared_ptr<Exchange> exchange) {
    CountRefused("oversized");
    parts_.log.Warn("message.oversized", "a frame passes the channel's limit; the link is closed",
                    {{"channel", meters_->channel}});
    const auto header = hl7::ScanHeader(head);
    if (!header || !IsLegible(header->control_id)) {
        return CloseUnanswered(*exchange, "oversized frame without legible MSH-10");
    }
    const AckCode code = InMode(*header, AckCode::kAR);
    const Micros now = parts_.clock.Now();
    meters_->acks[static_cast<std::size_t>(code)]->Add();
    exchange->Answer(
        hl7::BuildAck(*header, code, "R" + std::to_string(now), now,
                      {{"", 207, 'E', "the message is larger than this channel's limit"}}));
    exchange->Close("oversized frame");
}

void Receiver::Submit(const ArrivalPtr& arrival) {
    const Decision& decision = arrival->decision;
    const Settings& settings = arrival->channel->settings;
    store::JournalEntry entry;
    entry.tenant = settings.tenant_number;
    entry.channel = settings.name;
    entry.raw = arrival->payload;
    entry.received = arrival->received;
    entry.duplicate_window = settings.duplicate_window;
    entry.answer_after_processing = settings.ack_after == AckAfter::kProcessing;
    if (decision.answerable) entry.answer = hl7::ToString(decision.code);
    if (decision.header) {
        entry.source = SourceOf(*arrival->channel, *decision.header);
        entry.control_id = decision.header->control_id;
    } else {
        entry.source = settings.name;
    }
    if (!decision.accepted) {
        entry.refused_stage = "receive";
        entry.refused_path = decision.path;
        entry.refused_reason = decision.reason;
    }
    parts_.journal.Append(std::move(entry), [self = shared_from_this(),
                                             arrival](Result<store::JournalReceipt> receipt) {
        self->OnReceipt(arrival, std::move(receipt));
    });
}

void Receiver::OnReceipt(const ArrivalPtr& arrival, Result<store::JournalReceipt> receipt) {
    if (!receipt) {
        {
            const std::lock_guard lock(mutex_);
            ++failures_;
        }
        parts_.dispatcher.Resynchronise();
        Hold(arrival);
        return;
    }
    if (receipt->duplicate) {
        ++duplicates_;
        meters_->duplicates.Add();
    }
    if (receipt->control_id_reused) {
        meters_->reused.Add();
        parts_.log.Warn("message.control_id_reused",
                        "same MSH-10 with other content; taken as a new message",
                        {{"channel", meters_->channel}, {"seq", std::to_string(receipt->seq)}});
    }
    const Decision& decision = arrival->decision;
    const bool wait =
        decision.accepted && arrival->channel->settings.ack_after == AckAfter::kProcessing;
    if (!receipt->ack.bytes.empty()) {
        Repeat(arrival, *receipt);
    } else if (wait) {
        AwaitOutcome(arrival, *receipt);
    } else {
        Answer(arrival, *receipt);
    }
    if (decision.accepted && !receipt->duplicate) {
        store::PendingMessage message;
        message.seq = receipt->seq;
        message.tenant = arrival->channel->settings.tenant_number;
        message.channel = meters_->channel;
        message.raw = std::move(arrival->payload);
        message.received = receipt->received;
        parts_.dispatcher.Accepted(std::move(message));
    }
}

void Receiver::Answer(const ArrivalPtr& arrival, const store::JournalReceipt& receipt) {
    const Decision& decision = arrival->decision;
    if (!decision.answerable) {
        parts_.log.Warn(
            "message.unanswerable",
            "a refused frame without usable MSH or legible MSH-10 is a dead letter now; "
            "its link is closed",
            {{"channel", meters_->channel}, {"seq", std::to_string(receipt.seq)}});
        return CloseUnanswered(*arrival->exchange, "no usable MSH or no legible MSH-10");
    }
    const AckCode code = receipt.answer.empty() ? decision.code : ParseAckCode(receipt.answer);
    Send(arrival, code,
         hl7::BuildAck(*decision.header, code, std::to_string(receipt.seq), receipt.received,
                       decision.errors));
}

// ack_after: processing. In accept mode CA goes out at once, as the standard says; what follows is
// the application acknowledgment, if MSH-16 asks for it.
void Receiver::AwaitOutcome(const ArrivalPtr& arrival, const store::JournalReceipt& receipt) {
    const bool accept_mode = UsesAcceptAck(*arrival->decision.header);
    if (accept_mode) Answer(arrival, receipt);
    if (accept_mode && arrival->decision.header->application_ack.empty()) return;
    if (receipt.duplicate && (!receipt.pending || !receipt.ack.code.empty())) {
        // Only a message that was not NACKed makes later copies duplicates.
        if (!accept_mode) Answer(arrival, receipt);
        return;
    }
    parts_.dispatcher.Await(
        receipt.seq, [self = shared_from_this(), arrival, receipt](const Processed& outcome) {
            self->AnswerOutcome(arrival, receipt, outcome);
        });
}

// The first copy was answered after it was processed: the same again, whatever the channel does by
// now.
void Receiver::Repeat(const ArrivalPtr& arrival, const store::JournalReceipt& receipt) {
    const bool accept_mode = UsesAcceptAck(*arrival->decision.header);
    if (accept_mode) Answer(arrival, receipt);
    Send(arrival, ParseAckCode(receipt.ack.code), receipt.ack.bytes, accept_mode);
}

void Receiver::AnswerOutcome(const ArrivalPtr& arrival, const store::JournalReceipt& receipt,
                             const Processed& outcome) {
    const hl7::Header& header = *arrival->decision.header;
    store::SentAck ack = outcome.ack;
    if (ack.code.empty()) {
        // The channel's `ack_after` was another when the message was taken up: none is kept.
        ack = AckOfOutcome(header, receipt.seq, receipt.received, outcome.status, outcome.path,
                           outcome.reason);
    }
    if (ack.code.empty()) return;  // accept mode, and MSH-16 does not ask for this one
    Send(arrival, ParseAckCode(ack.code), std::move(ack.bytes), UsesAcceptAck(header));
}

void Receiver::Send(const ArrivalPtr& arrival, AckCode code, std::string ack, bool follows) {
    const hl7::Header& header = *arrival->decision.header;
    if (follows) {
        hl7::Header as_original = header;
        as_original.accept_ack.clear();
        if (!Wanted(as_original, code)) return;
        meters_->acks[static_cast<std::size_t>(code)]->Add();
        arrival->exchange->Follow(std::move(ack));
        return;
    }
    meters_->ack_seconds.Observe(
        std::chrono::duration<double>(Steady::now() - arrival->began).count());
    if (!Wanted(header, code)) {
        arrival->exchange->Answer({});
        return;
    }
    meters_->acks[static_cast<std::size_t>(code)]->Add();
    arrival->exchange->Answer(std::move(ack));
}

void Receiver::Hold(const ArrivalPtr& arrival) {
    const std::lock_guard lock(mutex_);
    if (stopped_) {
        arrival->exchange->Close("the daemon stops");
        return;
    }
    if (!holding_) {
        holding_ = true;
        parts_.log.Warn("channel.store_down",
                        "the store cannot commit: acknowledgments are withheld",
                        {{"channel", meters_->channel}});
    }
    held_.emplace(arrival->number, arrival);
    meters_->held.Set(static_cast<double>(held_.size()));
}

void Receiver::Tick() {
    for (;;) {
        std::vector<ArrivalPtr> batch;
        std::vector<ArrivalPtr> expired;
        std::uint64_t failures = 0;
        const bool available = parts_.journal.Available();
        {
            const std::lock_guard lock(mutex_);
            if (!holding_) return;
            if (held_.empty() && available) {
                holding_ = false;
                parts_.log.Info("channel.store_up", "the store commits again",
                                {{"channel", meters_->channel}});
                return;
            }
            failures = failures_;
            const auto now = Steady::now();
            for (auto it = held_.begin(); it != held_.end();) {
                const ArrivalPtr& arrival = it->second;
                if (arrival->exchange->Open() && now < arrival->deadline && !available) {
                    ++it;
                    continue;
                }
                if (arrival->exchange->Open()) {
                    (now < arrival->deadline ? batch : expired).push_back(arrival);
                }
                it = held_.erase(it);  // a peer that has gone sends its message again
            }
            meters_->held.Set(static_cast<double>(held_.size()));
        }
        for (const ArrivalPtr& arrival : expired) GiveUp(arrival);
        if (batch.empty()) return;
        for (const ArrivalPtr& arrival : batch) {
            if (arrival->exchange->Open()) Submit(arrival);
        }
        const std::lock_guard lock(mutex_);
        if (failures_ != failures) return;  // still down: at the next tick
    }
}

void Receiver::GiveUp(const ArrivalPtr& arrival) {
    const Settings& settings = arrival->channel->settings;
    CountRefused("store_down");
    const Decision& decision = arrival->decision;
    if (settings.on_store_down == OnStoreDown::kClose || !decision.header ||
        !IsLegible(decision.header->control_id)) {
        arrival->exchange->Close("the store cannot commit");
        return;
    }
    const hl7::Header& header = *decision.header;
    const AckCode code = InMode(
        header, settings.on_store_down == OnStoreDown::kReject ? AckCode::kAR : AckCode::kAE);
    const Micros now = parts_.clock.Now();
    Send(arrival, code,
         hl7::BuildAck(header, code,
                       "U" + std::to_string(now) + "-" + std::to_string(arrival->number), now,
                       {{"", 207, 'E', kStoreDown}}));
}

void Receiver::Stop() {
    std::map<std::uint64_t, ArrivalPtr> held;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        held.swap(held_);
    }
    for (const auto& [number, arrival] : held) arrival->exchange->Close("the daemon stops");
}

void Receiver::CloseUnanswered(Exchange& exchange, std::string_view why) {
    meters_->unanswerable.Add();
    exchange.Close(why);
}

void Receiver::CountRefused(std::string_view why) {
    ++refused_;
    meters_->metrics
        .counter("carestream_messages_refused_total", "Frames that were not accepted, by reason.",
                 {{"channel", meters_->channel}, {"reason", std::string(why)}})
        .Add();
}

ReceiverStatus Receiver::Status() const {
    ReceiverStatus status;
    status.received = static_cast<std::int64_t>(arrivals_.load());
    status.duplicates = duplicates_;
    status.refused = refused_;
    status.last_received = last_received_;
    const std::lock_guard lock(mutex_);
    status.held = held_.size();
    return status;
}

}  // namespace carestream::channel
