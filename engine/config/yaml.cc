#include "config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "base/file.h"

namespace carestream::config {

namespace {

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kFileBytesMax = 1u << 20;

struct Refusal {
    YAML::Mark mark;
    std::string message;
    Code code = Code::kInvalid;
};

}  // namespace

// Builds bottom-up from parser events: open collections wait on a stack and are moved into their
// parent when they end. Throws Refusal, which Parse turns into an Error.
class YamlBuilder final : public YAML::EventHandler {
public:
    explicit YamlBuilder(std::string file_name) : file_name_(std::move(file_name)) {}

    Position At(const YAML::Mark& mark) const {
        return {file_name_, mark.line + 1, mark.column + 1};
    }
    Yaml Take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
        Yaml yaml = Make(mark, Yaml::Kind::kNull);
        // `null: ignore` is a key like any other; the parser does not give its text.
        if (AwaitsKey()) yaml.text_ = "null";
        Add(std::move(yaml));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw Refusal{mark, "aliases (*name) are not allowed here; write the value out"};
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  const std::string& value) override {
        const bool quoted = tag == "!";
        const bool null = !quoted && (value.empty() || value == "~" || value == "null");
        Yaml yaml = Make(mark, null ? Yaml::Kind::kNull : Yaml::Kind::kScalar);
        if (!null) yaml.text_ = value;
        yaml.quoted_ = quoted;
        Add(std::move(yaml));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        Open(mark, Yaml::Kind::kSequence);
    }
    void OnSequenceEnd() override { Close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        Open(mark, Yaml::Kind::kMap);
    }
    void OnMapEnd() override { Close(); }

private:
    struct Open_ {
        Yaml yaml;
        bool has_key = false;
        std::string key;
        Position key_position;
    };

    Yaml Make(const YAML::Mark& mark, Yaml::Kind kind) const {
        Yaml yaml;
        yaml.kind_ = kind;
        yaml.position_ = At(mark);
        return yaml;
    }
    void Open(const YAML::Mark& mark, Yaml::Kind kind) {
        if (stack_.size() >= kDepthMax)
            throw Refusal{mark, "nested deeper than 64 levels", Code::kLimit};
        stack_.push_back({Make(mark, kind), false, {}, {}});
    }
    [[nodiscard]] bool AwaitsKey() const {
        return !stack_.empty() && stack_.back().yaml.kind_ == Yaml::Kind::kMap &&
               !stack_.back().has_key;
    }
    void Close() {
        Yaml done = std::move(stack_.back().yaml);
        stack_.pop_back();
        Add(std::move(done));
    }
    void Add(Yaml yaml) {
        if (stack_.empty()) {
            root_ = std::move(yaml);
            return;
        }
        Open_& top = stack_.back();
        if (top.yaml.kind_ == Yaml::Kind::kSequence) {
            top.yaml.items_.push_back(std::move(yaml));
        } else if (!top.has_key) {
            TakeKey(top, yaml);
        } else {
            top.yaml.entries_.push_back({std::move(top.key), top.key_position, std::move(yaml)});
            top.has_key = false;
        }
    }
    void TakeKey(Open_& top, const Yaml& yaml) {
        YAML::Mark mark;
        mark.line = yaml.position_.line - 1;
        mark.column = yaml.position_.column - 1;
        if (yaml.kind_ == Yaml::Kind::kSequence || yaml.kind_ == Yaml::Kind::kMap) {
            throw Refusal{mark, "a key must be plain text"};
        }
        if (top.yaml.Find(yaml.text_) != nullptr) {
            throw Refusal{mark, "key '" + yaml.text_ + "' appears twice in this map"};
        }
        top.has_key = true;
        top.key = yaml.text_;
        top.key_position = yaml.position_;
    }

    std::string file_name_;
    Yaml root_;
    std::vector<Open_> stack_;
};

const Yaml* Yaml::Find(std::string_view key) const {
    for (const YamlEntry& entry : entries_) {
        if (entry.key == key) return &entry.value;
    }
    return nullptr;
}

Yaml Yaml::Only(std::initializer_list<std::string_view> keys) const {
    Yaml part = *this;
    std::erase_if(part.entries_, [&keys](const YamlEntry& entry) {
        return std::find(keys.begin(), keys.end(), entry.key) == keys.end();
    });
    return part;
}

Result<Yaml> Yaml::Parse(std::string_view text, const std::string& file_name) {
    std::istringstream stream{std::string(text)};
    YamlBuilder builder(file_name);
    try {
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) return Yaml();
        Yaml first = builder.Take();
        YamlBuilder second(file_name);
        if (parser.HandleNextDocument(second)) {
            return FailAt(second.Take().position(), "more than one document in the file");
        }
        return first;
    } catch (const Refusal& refusal) {
        return FailAt(builder.At(refusal.mark), refusal.message, refusal.code);
    } catch (const YAML::Exception& error) {
        return FailAt(builder.At(error.mark), error.msg);
    }
}

Result<Yaml> Yaml::ParseFile(const std::filesystem::path& file, const std::string& display_name) {
    const std::string name = display_name.empty() ? file.string() : display_name;
    const auto text = ReadFile(file);
    if (!text) return Fail(text.error().code, text.error().message, name);
    if (text->size() > kFileBytesMax) return Fail(Code::kLimit, "larger than 1 MiB", name);
    return Parse(*text, name);
}

}  // namespace carestream::config
