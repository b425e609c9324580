// An EHR's and a laboratory's feed as load: synthetic messages, made as they are sent, over
// strictly serial MLLP links (the next message of a link leaves when the ACK of its last has come).
//   bench_feed --port N [--kind adt|oru] [--links N] [--seconds S] [--messages N] [--rate R]
//              [--updates 0.7] [--known N] [--run NAME] [--print]
// Visit n is of patient n. --known N: visits 0..N-1 were sent before; an ADT is with probability
// --updates an A08 that changes one of the known visits and its patient, else the A01 of a new one.
// An ORU is a new report with 10 OBX on a known visit. --run makes MSH-10 unique between runs.
// One line of JSON at the end; `known` is for the next run.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "hl7/mllp.h"

namespace {

using namespace carestream;
using SteadyClock = std::chrono::steady_clock;

struct Flags {
    int port = 0;
    std::string kind = "adt";
    std::size_t links = 64;
    double seconds = 10;
    std::size_t messages = 0;  // 0: until `seconds` are over
    double rate = 0;           // messages a second over all links; 0: as fast as ACKs come
    double updates = 0.7;
    std::size_t known = 0;
    std::string run = "R";
    bool print = false;  // one message to stdout instead
};

[[noreturn]] void GiveUp(const std::string& why) {
    std::fprintf(stderr, "bench_feed: %s\n", why.c_str());
    std::exit(1);
}

constexpr std::array<const char*, 16> kFamilies = {
    "Lindqvist", "Okoro",   "Tanaka",   "Moreau", "Haldane", "Iversen", "Castillo", "Novak",
    "Petrov",    "Ashdown", "Banerjee", "Quist",  "Rahimi",  "Silva",   "Thorne",   "Vance"};
constexpr std::array<const char*, 12> kGiven = {"Maren", "Jonas",  "Aiko", "Luc",
                                                "Ruth",  "Nils",   "Ines", "Petr",
                                                "Clara", "Tobias", "Anja", "Omar"};
constexpr std::array<const char*, 12> kStreets = {
    "Harbour Street", "Mill Lane",  "Orchard Road", "Station Square", "Church Walk", "Elm Avenue",
    "Quarry Hill",    "Bridge End", "Market Row",   "Canal Side",     "Park View",   "North Gate"};
constexpr std::array<const char*, 10> kCities = {"Portsmouth", "Dover",  "Concord", "Nashua",
                                                 "Keene",      "Exeter", "Laconia", "Berlin",
                                                 "Salem",      "Hudson"};
struct Analyte {
    const char* code;
    const char* unit;
    const char* range;
};
constexpr std::array<Analyte, 10> kAnalytes = {{
    {"2345-7^Glucose [Mass/volume] in Serum or Plasma", "mg/dL", "70-99"},
    {"3094-0^Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", "7-20"},
    {"2160-0^Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "50-110"},
    {"2951-2^Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "135-145"},
    {"2823-3^Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "35-51"},
    {"2075-0^Chloride [Moles/volume] in Serum or Plasma", "mmol/L", "98-107"},
    {"2028-9^Carbon dioxide, total [Moles/volume] in Serum or Plasma", "mmol/L", "22-29"},
    {"17861-6^Calcium [Mass/volume] in Serum or Plasma", "mg/dL", "86-103"},
    {"2885-2^Protein [Mass/volume] in Serum or Plasma", "g/dL", "60-83"},
    {"1751-7^Albumin [Mass/volume] in Serum or Plasma", "g/dL", "35-50"},
}};

// Spreads a number, the same for every run.
std::size_t Mix(std::size_t n) {
    n ^= n >> 31;
    n *= 0x9E3779B97F4A7C15ull;
    return n ^ (n >> 29);
}

template <std::size_t N>
const char* Pick(const std::array<const char*, N>& from, std::size_t by) {
    return from[by % N];
}

[[gnu::format(printf, 2, 3)]] void Add(std::string& text, const char* format, ...) {
    std::array<char, 512> line{};
    va_list arguments;
    va_start(arguments, format);
    const int size = std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    if (size < 0 || static_cast<std::size_t>(size) >= line.size()) GiveUp("a segment is too long");
    text.append(line.data(), static_cast<std::size_t>(size));
}

class Feed {
public:
    explicit Feed(const Flags& flags) : flags_(flags), known_(flags.known) {}

    std::string Next() {
        ++sent_;
        if (flags_.kind == "oru") return Report();
        const bool update =
            known_ > 0 && std::uniform_real_distribution<>(0, 1)(random_) < flags_.updates;
        return update ? Visit(random_() % known_, sent_) : Visit(known_++, 0);
    }
    [[nodiscard]] std::size_t known() const { return known_; }

private:
    std::string Header(const char* event, const char* application) const {
        std::string text;
        Add(text, "MSH|^~\\&|%s|MAIN|CARESTREAM|MAIN|20260302081530+0000||%s|%s%zu|P|2.5.1\r",
            application, event, flags_.run.c_str(), sent_);
        return text;
    }

    // `change` 0: the admission; else an update that no other has made.
    std::string Visit(std::size_t n, std::size_t change) const {
        const std::size_t m = Mix(n);
        const std::size_t doctor = m % 97;
        std::string text = Header(change == 0 ? "ADT^A01^ADT_A01" : "ADT^A08^ADT_A01", "EHR");
        Add(text, "EVN|%s|20260302081500+0000\r", change == 0 ? "A01" : "A08");
        Add(text,
            "PID|1||%zu^^^MAIN^MR~%03zu-%02zu-%04zu^^^USSSA^SS||%s%zu^%s^%s^^Ms^^L||%zu%02zu%02zu|"
            "F||"
            "2106-3^White^CDCREC|%zu %s^^%s^NH^0%zu^USA^H||^PRN^PH^^1^603^555%04zu"
            "~^NET^Internet^p%zu@example.org|^WPN^PH^^1^603^555%04zu|en^English^ISO639|M"
            "|||||||||||||||N\r",
            1'000'000 + n, 100 + m % 800, 10 + m / 800 % 90, m / 72'000 % 10'000,
            Pick(kFamilies, m), m / 7 % 1000, Pick(kGiven, m / 3), Pick(kGiven, m / 11),
            1930 + m / 13 % 90, 1 + m / 17 % 12, 1 + m / 19 % 28, 1 + (m + change) % 400,
            Pick(kStreets, m / 23), Pick(kCities, m / 29), 3800 + m / 29 % 10,
            (m + change) % 10'000, n, m / 31 % 10'000);
        Add(text, "PD1||||%zu^Okafor%zu^Chidi^^^Dr^^^MAIN&1.2.3.4.5&ISO^L^^^NPI\r", 4400 + doctor,
            doctor);
        Add(text,
            "NK1|1|%s%zu^%s^^^Mr|SPO^Spouse^HL70063|%zu %s^^%s^NH^0%zu^USA"
            "|^PRN^PH^^1^603^555%04zu||C^Emergency Contact^HL70131\r",
            Pick(kFamilies, m), m / 7 % 1000, Pick(kGiven, m / 37), 1 + m % 400,
            Pick(kStreets, m / 23), Pick(kCities, m / 29), 3800 + m / 29 % 10, m / 41 % 10'000);
        Add(text,
            "PV1|1|I|SURG^%zu^%c^MAIN^^N^^2||||%zu^Okafor%zu^Chidi^^^Dr|7723^Haldane^Ruth^^^Dr||SUR"
            "||||1|||%zu^Okafor%zu^Chidi^^^Dr|IN|V%zu^^^MAIN^VN|||||||||||||||||||||||||"
            "202603%02zu%02zu%02zu00+0000\r",
            200 + (m + change) % 60, static_cast<char>('A' + change % 4), 4400 + doctor, doctor,
            4400 + doctor, doctor, n, 1 + m / 43 % 28, m / 47 % 24, m / 53 % 60);
        Add(text,
            "AL1|1|DA^Drug allergy^HL70127|7980^Penicillin^RXNORM|MO^Moderate^HL70128|Hives\r");
        Add(text, "DG1|1||M23.2%zu^Derangement of meniscus due to old tear^I10||20260302|A\r",
            m % 10);
        return text;
    }

    std::string Report() {
        const std::size_t n = known_ > 0 ? random_() % known_ : 0;
        const std::size_t m = Mix(n);
        const std::size_t day = 1 + sent_ % 28, hour = sent_ / 28 % 24, minute = sent_ / 672 % 60;
        std::string text = Header("ORU^R01^ORU_R01", "LAB");
        Add(text, "PID|1||%zu^^^MAIN^MR||%s%zu^%s^%s||%zu%02zu%02zu|F\r", 1'000'000 + n,
            Pick(kFamilies, m), m / 7 % 1000, Pick(kGiven, m / 3), Pick(kGiven, m / 11),
            1930 + m / 13 % 90, 1 + m / 17 % 12, 1 + m / 19 % 28);
        Add(text, "PV1|1|I|SURG^206^B^MAIN||||||||||||||||V%zu^^^MAIN^VN\r", n);
        Add(text,
            "ORC|RE|P%s%zu^EHR|F%s%zu^LAB|||||||||4411^Okafor11^Chidi^^^Dr\r"
            "OBR|1|P%s%zu^EHR|F%s%zu^LAB|24323-8^Comprehensive metabolic 2000 panel^LN|||"
            "202603%02zu%02zu%02zu00+0000|||||||||4411^Okafor11^Chidi^^^Dr||||||"
            "202603%02zu%02zu%02zu30+0000||CH|F\r",
            flags_.run.c_str(), sent_, flags_.run.c_str(), sent_, flags_.run.c_str(), sent_,
            flags_.run.c_str(), sent_, day, hour, minute, day, hour, minute);
        for (std::size_t i = 0; i < kAnalytes.size(); ++i) {
            Add(text,
                "OBX|%zu|NM|%s^LN||%zu.%zu|%s^^UCUM|%s|N|||F|||202603%02zu%02zu%02zu00+0000\r",
                i + 1, kAnalytes[i].code, 40 + Mix(sent_ + i) % 100, i, kAnalytes[i].unit,
                kAnalytes[i].range, day, hour, minute);
        }
        return text;
    }

    const Flags& flags_;
    std::size_t known_;
    std::size_t sent_ = 0;
    std::mt19937_64 random_{7};
};

struct Link {
    int socket = -1;
    bool busy = false;
    SteadyClock::time_point sent;
    std::string received;
};

class Load {
public:
    Load(const Flags& flags, Feed& feed) : flags_(flags), feed_(feed), links_(flags.links) {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        for (std::size_t i = 0; i < links_.size(); ++i) Connect(i);
    }

    void Run() {
        start_ = SteadyClock::now();
        for (std::size_t i = 0; i < links_.size(); ++i) idle_.push_back(i);
        std::array<epoll_event, 64> events{};
        while (true) {
            SendWhatIsDue();
            if (Done() && open_ == 0) break;
            const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                         flags_.rate > 0 && !idle_.empty() ? 1 : 1000);
            for (int i = 0; i < count; ++i) Receive(events[static_cast<std::size_t>(i)].data.u64);
            if (count == 0 && open_ > 0 && Seconds() > flags_.seconds + 60)
                GiveUp("no ACK for 60 s");
        }
        seconds_ = Seconds();
    }

    void Print() {
        std::sort(times_.begin(), times_.end());
        const auto at = [&](double part) {
            return times_.empty()
                       ? 0.0
                       : times_[std::min(
                             times_.size() - 1,
                             static_cast<std::size_t>(part * static_cast<double>(times_.size())))];
        };
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        const double cpu_s =
            static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        const auto answered = static_cast<double>(times_.size());
        std::printf(
            "{\"answered\":%zu,\"seconds\":%.3f,\"per_second\":%.0f,\"p50_ms\":%.3f,"
            "\"p99_ms\":%.3f,\"max_ms\":%.3f,\"client_cpu_us\":%.1f,\"bytes\":%.0f,"
            "\"known\":%zu,\"codes\":{",
            times_.size(), seconds_, answered / seconds_, at(0.5), at(0.99), at(1),
            cpu_s * 1e6 / std::max(answered, 1.0), bytes_ / std::max(answered, 1.0), feed_.known());
        const char* comma = "";
        for (const auto& [code, count] : codes_) {
            std::printf("%s\"%s\":%zu", comma, code.c_str(), count);
            comma = ",";
        }
        std::printf("}}\n");
    }

private:
    void Connect(std::size_t number) {
        Link& link = links_[number];
        link.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(flags_.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(link.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            GiveUp(std::string("cannot connect: ") + std::strerror(errno));
        const int on = 1;
        setsockopt(link.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = number;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, link.socket, &event);
    }

    [[nodiscard]] double Seconds() const {
        return std::chrono::duration<double>(SteadyClock::now() - start_).count();
    }
    [[nodiscard]] bool Done() const {
        return flags_.messages > 0 ? sent_ >= flags_.messages : Seconds() >= flags_.seconds;
    }

    void SendWhatIsDue() {
        while (!idle_.empty() && !Done()) {
            if (flags_.rate > 0 && static_cast<double>(sent_) > Seconds() * flags_.rate) return;
            Link& link = links_[idle_.back()];
            idle_.pop_back();
            const std::string frame = hl7::FrameMllp(feed_.Next());
            link.sent = SteadyClock::now();
            // One frame under way per link fits any socket buffer.
            if (send(link.socket, frame.data(), frame.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(frame.size()))
                GiveUp("a link was closed");
            link.busy = true;
            ++open_;
            ++sent_;
            bytes_ += static_cast<double>(frame.size());
        }
    }

    void Receive(std::uint64_t number) {
        Link& link = links_[number];
        std::array<char, 4096> part{};
        const ssize_t size = recv(link.socket, part.data(), part.size(), 0);
        if (size <= 0) GiveUp("a link was closed before its ACK");
        link.received.append(part.data(), static_cast<std::size_t>(size));
        if (!link.busy || !link.received.ends_with("\x1c\r")) return;
        const std::chrono::duration<double, std::milli> took = SteadyClock::now() - link.sent;
        times_.push_back(took.count());
        const std::size_t at = link.received.find("\rMSA|");
        ++codes_[at == std::string::npos ? "none" : link.received.substr(at + 5, 2)];
        link.received.clear();
        link.busy = false;
        --open_;
        idle_.push_back(static_cast<std::size_t>(number));
    }

    const Flags& flags_;
    Feed& feed_;
    int epoll_ = -1;
    std::vector<Link> links_;
    std::vector<std::size_t> idle_;
    SteadyClock::time_point start_;
    double seconds_ = 0;
    std::size_t open_ = 0;
    std::size_t sent_ = 0;
    double bytes_ = 0;
    std::vector<double> times_;
    std::map<std::string, std::size_t> codes_;
};

Flags ReadFlags(int argc, char** argv) {
    Flags flags;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--print") {
            flags.print = true;
            continue;
        }
        if (i + 1 >= argc) GiveUp("no value for " + std::string(name));
        const char* value = argv[++i];
        const auto number = static_cast<std::size_t>(std::strtoull(value, nullptr, 10));
        if (name == "--port") {
            flags.port = static_cast<int>(number);
        } else if (name == "--kind") {
            flags.kind = value;
        } else if (name == "--links") {
            flags.links = std::max<std::size_t>(1, number);
        } else if (name == "--seconds") {
            flags.seconds = std::strtod(value, nullptr);
        } else if (name == "--messages") {
            flags.messages = number;
        } else if (name == "--rate") {
            flags.rate = std::strtod(value, nullptr);
        } else if (name == "--updates") {
            flags.updates = std::strtod(value, nullptr);
        } else if (name == "--known") {
            flags.known = number;
        } else if (name == "--run") {
            flags.run = value;
        } else {
            GiveUp("unknown flag " + std::string(name));
        }
    }
    return flags;
}

}  // namespace

int main(int argc, char** argv) {
    const Flags flags = ReadFlags(argc, argv);
    Feed feed(flags);
    if (flags.print) {
        std::printf("%s", feed.Next().c_str());
        return 0;
    }
    Load load(flags, feed);
    load.Run();
    load.Print();
    return 0;
}
