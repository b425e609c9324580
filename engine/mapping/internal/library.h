#pragma once
// The files of a mappings folder with the overlays laid over them, before anything is understood.
#include <cstdint>
#include <deque>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "config/yaml.h"
#include "mapping/internal/problems.h"

namespace carestream::mapping::internal {

// What an overlay does to the tree of a message.
struct TreeChange {
    enum class Verb : std::uint8_t { kAfter, kBefore, kReplace, kRemove };
    Verb verb = Verb::kAfter;
    const config::Yaml* anchor = nullptr;     // "PID", "PATIENT.PID"
    const config::YamlEntry* node = nullptr;  // "ZPI: {...}"; not of kRemove
};

// One map, table, identity or message. Rules and codes of overlays are already in place.
struct Document {
    const config::Yaml* yaml = nullptr;  // of the base file
    std::string name;                    // "PID -> Patient", "AdministrativeSex", ...
    const config::Yaml* name_at = nullptr;
    bool segment = false;                         // of a map: below segments/
    std::vector<const config::Yaml*> rules;       // of maps
    std::vector<const config::YamlEntry*> codes;  // of tables
    std::vector<const config::Yaml*> events;      // of messages: those that overlays add
    std::vector<TreeChange> tree_changes;
};

struct Library {
    std::deque<config::Yaml> files;  // own every place that the documents point to
    std::vector<Document> maps;
    std::vector<Document> tables;
    std::vector<Document> identities;
    std::vector<Document> messages;
    std::vector<Document> groups;  // pieces of trees that messages include
    std::vector<Document> outbound_maps;
    std::vector<Document> outbound_messages;
    // Names (by file name) of maps and tables that could not be read: what refers to them is no
    // second mistake.
    std::set<std::string, std::less<>> broken;
    std::string version;  // 12 hex digits over all bytes read

    // Reads what is there; problems are collected, not thrown.
    void Read(const std::filesystem::path& folder, const std::vector<std::string>& overlays,
              Problems& problems);
};

// "id" of a rule, or its target.
[[nodiscard]] std::string RuleId(const config::Yaml& rule);

}  // namespace carestream::mapping::internal
