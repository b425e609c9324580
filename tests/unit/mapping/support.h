#pragma once
// What the tests of mapping share: the real definitions and dictionary, content written to a fresh
// folder, messages given with "\n" between segments.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fhir/json.h"
#include "fhir/validator.h"
#include "mapping/program.h"

namespace carestream::mapping {

namespace fs = std::filesystem;

inline const std::shared_ptr<const fhir::Definitions>& TestDefinitions() {
    static const auto loaded =
        fhir::Definitions::Load(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4").value();
    return loaded;
}

inline const std::shared_ptr<const hl7::Dictionary>& TestDictionary() {
    static const auto loaded =
        hl7::Dictionary::Load(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/hl7").value();
    return loaded;
}

// A mappings folder that lives as long as this object.
class Content {
public:
    using Files = std::map<std::string, std::string>;

    explicit Content(const Files& files) {
        static int number = 0;
        folder_ = fs::temp_directory_path() / ("carestream-mapping-" + std::to_string(::getpid()) +
                                               "-" + std::to_string(++number));
        for (const auto& [name, text] : files) {
            fs::create_directories((folder_ / name).parent_path());
            std::ofstream(folder_ / name) << text;
        }
    }
    ~Content() { fs::remove_all(folder_); }
    Content(const Content&) = delete;
    Content& operator=(const Content&) = delete;

    [[nodiscard]] Program::Compiled Compile(const std::vector<std::string>& overlays = {}) const {
        return Program::Compile(folder_, TestDefinitions(), TestDictionary(), overlays);
    }
    [[nodiscard]] const fs::path& folder() const { return folder_; }

private:
    fs::path folder_;
};

inline std::string Lines(const std::vector<Error>& errors) {
    std::string text;
    for (const Error& error : errors) text += error.ToString() + "\n";
    return text;
}

inline std::shared_ptr<const Program> Build(const Content::Files& files,
                                            const std::vector<std::string>& overlays = {}) {
    auto compiled = Content(files).Compile(overlays);
    EXPECT_TRUE(compiled.errors.empty()) << Lines(compiled.errors);
    return compiled.program;
}

inline const Program& Shipped() {
    static const auto program = [] {
        auto compiled = Program::Compile(fs::path(CARESTREAM_SOURCE_DIR) / "mappings",
                                         TestDefinitions(), TestDictionary());
        EXPECT_TRUE(compiled.errors.empty()) << Lines(compiled.errors);
        return compiled.program;
    }();
    return *program;
}

// One file put beside sound content, and the errors that must be found in it.
struct Mistake {
    const char* name;
    const char* file;
    std::string text;
    std::vector<std::string> errors;  // "line:column: what is in the message"
};

inline void PrintTo(const Mistake& mistake, std::ostream* out) {
    *out << mistake.text;
}

inline void ExpectFound(Content::Files files, const Mistake& mistake) {
    files[mistake.file] = mistake.text;
    const auto compiled = Content(files).Compile();
    EXPECT_EQ(compiled.program, nullptr);
    EXPECT_EQ(compiled.errors.size(), mistake.errors.size()) << Lines(compiled.errors);
    for (std::size_t i = 0; i < std::min(compiled.errors.size(), mistake.errors.size()); ++i) {
        const Error& error = compiled.errors[i];
        const std::string place = std::to_string(error.position.line) + ":" +
                                  std::to_string(error.position.column) + ": ";
        EXPECT_EQ(error.position.file, mistake.file) << error.ToString();
        ASSERT_TRUE(mistake.errors[i].starts_with(place)) << error.ToString();
        const std::string part = mistake.errors[i].substr(place.size());
        EXPECT_NE(error.message.find(part), std::string::npos) << error.ToString();
    }
}

inline hl7::Message Parse(std::string text) {
    for (char& c : text) {
        if (c == '\n') c = '\r';
    }
    auto message = hl7::Message::Parse(std::move(text));
    EXPECT_TRUE(message.has_value()) << (message ? "" : message.error().ToString());
    return std::move(*message);
}

inline MapContext TestContext() {
    MapContext context;
    context.channel = "test";
    context.time_zone = "America/New_York";
    context.assigning_authority = "MAIN";
    context.authority_for = {"Patient", "Encounter"};
    return context;
}

// The n-th resource of a type as JSON, "" if there is none.
inline std::string Json(const Mapped& mapped, const std::string& type, std::size_t n = 0) {
    for (const fhir::Change& change : mapped.changes.changes) {
        if (change.type == type && n-- == 0) return fhir::ToJson(change.resource);
    }
    return {};
}

inline const fhir::Change* Find(const Mapped& mapped, const std::string& type, std::size_t n = 0) {
    for (const fhir::Change& change : mapped.changes.changes) {
        if (change.type == type && n-- == 0) return &change;
    }
    return nullptr;
}

inline std::string ReasonOf(const Mapped& mapped, const std::string& path) {
    for (const Unmapped& leaf : mapped.report.unmapped) {
        if (leaf.path == path) return leaf.reason;
    }
    return {};
}

inline bool IsMapped(const Mapped& mapped, const std::string& path) {
    const auto& list = mapped.report.mapped;
    return std::find(list.begin(), list.end(), path) != list.end();
}

// What must hold for every message whatever the content.
inline void ExpectSound(const hl7::Message& message, const Mapped& mapped) {
    EXPECT_EQ(mapped.report.leaves, hl7::Leaves(message).size());
    EXPECT_EQ(mapped.report.mapped.size() + mapped.report.unmapped.size(), mapped.report.leaves);
    std::vector<std::string> ids;
    for (const fhir::Change& change : mapped.changes.changes) {
        ids.push_back(change.type + "/" + change.provisional_id);
        EXPECT_FALSE(change.keys.empty()) << change.type;
        for (const fhir::Issue& issue : fhir::Validate(*TestDefinitions(), change.resource)) {
            ADD_FAILURE() << issue.expression << ": " << issue.message;
        }
        for (const fhir::ListChange& list : change.lists) {
            if (list.policy != fhir::ListPolicy::kMerge) continue;
            EXPECT_EQ(list.keys.size(), change.resource.Find(list.element)->items().size());
        }
    }
    for (const fhir::Change& change : mapped.changes.changes) {
        const std::string json = fhir::ToJson(change.resource);
        EXPECT_EQ(json.find("\\u0001"), std::string::npos) << change.type;
        constexpr std::string_view kKey = "\"reference\":\"";
        for (std::size_t at = json.find(kKey); at != std::string::npos; at = json.find(kKey, at)) {
            at += kKey.size();
            const std::string target = json.substr(at, json.find('"', at) - at);
            const bool contained =
                target.starts_with("#") &&
                json.find("\"id\":\"" + target.substr(1) + "\"") != std::string::npos;
            EXPECT_TRUE(contained || std::find(ids.begin(), ids.end(), target) != ids.end())
                << change.type << " refers to " << target;
        }
    }
}

}  // namespace carestream::mapping
