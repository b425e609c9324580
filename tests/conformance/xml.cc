#include "tests/conformance/xml.h"

#include <cstdlib>

namespace carestream::conformance {
namespace {

std::string Unescape(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = text[0] == '&' ? text.find(';') : std::string_view::npos;
        if (end == std::string_view::npos) {
            out += text[0];
            text.remove_prefix(1);
            continue;
        }
        const std::string_view entity = text.substr(1, end - 1);
        if (entity == "lt")
            out += '<';
        else if (entity == "gt")
            out += '>';
        else if (entity == "amp")
            out += '&';
        else if (entity == "quot")
            out += '"';
        else if (entity == "apos")
            out += '\'';
        else if (entity.starts_with("#x")) {
            out +=
                static_cast<char>(std::strtol(std::string(entity.substr(2)).c_str(), nullptr, 16));
        } else if (entity.starts_with("#")) {
            out += static_cast<char>(std::atoi(std::string(entity.substr(1)).c_str()));
        }
        text.remove_prefix(end + 1);
    }
    return out;
}

class XmlParser {
public:
    explicit XmlParser(std::string_view text) : text_(text) {}

    std::optional<XmlElement> Document() {
        if (!SkipToElement()) return std::nullopt;
        XmlElement root;
        if (!Element(root)) return std::nullopt;
        return root;
    }

private:
    bool SkipToElement() {
        while (at_ < text_.size()) {
            at_ = text_.find('<', at_);
            if (at_ == std::string_view::npos) return false;
            if (!SkipMarkup()) return true;
        }
        return false;
    }

    // Comments, declarations, processing instructions.
    bool SkipMarkup() {
        std::string_view end;
        if (text_.substr(at_).starts_with("<!--"))
            end = "-->";
        else if (text_.substr(at_).starts_with("<?"))
            end = "?>";
        else if (text_.substr(at_).starts_with("<!"))
            end = ">";
        else
            return false;
        const std::size_t found = text_.find(end, at_);
        at_ = found == std::string_view::npos ? text_.size() : found + end.size();
        return true;
    }

    void SkipBlanks() {
        while (at_ < text_.size() &&
               std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
            ++at_;
        }
    }

    std::string Name() {
        const std::size_t start = at_;
        while (at_ < text_.size() &&
               std::string_view(" \t\r\n=/>").find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    bool Attributes(XmlElement& out) {
        for (SkipBlanks(); at_ < text_.size() && text_[at_] != '>' && text_[at_] != '/';
             SkipBlanks()) {
            std::string key = Name();
            SkipBlanks();
            if (at_ >= text_.size() || text_[at_] != '=') return false;
            ++at_;
            SkipBlanks();
            const char quote = at_ < text_.size() ? text_[at_] : ' ';
            const std::size_t end = text_.find(quote, at_ + 1);
            if ((quote != '"' && quote != '\'') || end == std::string_view::npos) return false;
            out.attributes.emplace_back(std::move(key),
                                        Unescape(text_.substr(at_ + 1, end - at_ - 1)));
            at_ = end + 1;
        }
        return at_ < text_.size();
    }

    bool Element(XmlElement& out) {
        const std::size_t start = at_++;
        out.name = Name();
        if (!Attributes(out)) return false;
        if (text_[at_] == '/') {
            at_ += 2;
            out.raw = text_.substr(start, at_ - start);
            return true;
        }
        ++at_;
        while (at_ < text_.size()) {
            const std::size_t next = text_.find('<', at_);
            if (next == std::string_view::npos) return false;
            out.text += Unescape(text_.substr(at_, next - at_));
            at_ = next;
            if (text_.substr(at_).starts_with("</")) {
                at_ = text_.find('>', at_);
                if (at_ == std::string_view::npos) return false;
                ++at_;
                out.raw = text_.substr(start, at_ - start);
                return true;
            }
            if (SkipMarkup()) continue;
            if (!Element(out.children.emplace_back())) return false;
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string XmlElement::Attribute(std::string_view key) const {
    for (const auto& [attribute, value] : attributes) {
        if (attribute == key) return value;
    }
    return {};
}

std::optional<XmlElement> ParseXml(std::string_view text) {
    return XmlParser(text).Document();
}

}  // namespace carestream::conformance
