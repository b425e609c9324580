#include "fhir/internal/xhtml.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace carestream::fhir::internal {

namespace {

using std::string_view;

constexpr std::size_t kDepthMax = 128;

// Both sorted.
constexpr std::array<string_view, 51> kElements = {
    "a",     "abbr",   "acronym",  "b",   "big",   "blockquote", "br", "caption", "cite",
    "code",  "col",    "colgroup", "dd",  "dfn",   "div",        "dl", "dt",      "em",
    "h1",    "h2",     "h3",       "h4",  "h5",    "h6",         "hr", "i",       "img",
    "kbd",   "li",     "ol",       "p",   "pre",   "q",          "s",  "samp",    "small",
    "span",  "strong", "sub",      "sup", "table", "tbody",      "td", "tfoot",   "th",
    "thead", "tr",     "tt",       "u",   "ul",    "var"};
constexpr std::array<string_view, 50> kAttributes = {
    "abbr",       "accesskey",   "align",       "alt",        "axis",   "bgcolor", "border",
    "cellhalign", "cellpadding", "cellspacing", "cellvalign", "char",   "charoff", "charset",
    "cite",       "class",       "colspan",     "compact",    "coords", "dir",     "frame",
    "headers",    "height",      "href",        "hreflang",   "hspace", "id",      "lang",
    "longdesc",   "name",        "nowrap",      "rel",        "rev",    "rowspan", "rules",
    "scope",      "shape",       "span",        "src",        "start",  "style",   "summary",
    "tabindex",   "title",       "type",        "valign",     "value",  "vspace",  "width",
    "xml:lang"};
static_assert(std::is_sorted(kElements.begin(), kElements.end()));
static_assert(std::is_sorted(kAttributes.begin(), kAttributes.end()));

bool IsSpace(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool IsNameByte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '-' || c == '_' || c == '.';
}

class Scanner {
public:
    explicit Scanner(string_view text) : text_(text) {}

    string_view Run() {
        SkipSpace();
        if (!text_.substr(at_).starts_with("<div")) return "must be one <div> element";
        while (at_ < text_.size()) {
            const string_view problem = text_[at_] == '<' ? Markup() : Text();
            if (!problem.empty()) return problem;
            if (open_.empty()) break;
        }
        if (!open_.empty()) return "has an element that is not closed";
        SkipSpace();
        if (at_ < text_.size()) return "must be one <div> element";
        return content_ ? string_view() : "has neither text nor an image";
    }

private:
    string_view Text() {
        for (; at_ < text_.size() && text_[at_] != '<'; ++at_) {
            if (text_[at_] == '&') {
                if (!Entity()) return "holds '&' that is no XML entity";
                content_ = true;
            } else if (!IsSpace(text_[at_])) {
                content_ = true;
            }
        }
        return {};
    }

    // At '&'; leaves at_ on the ';'.
    bool Entity() {
        const std::size_t end = text_.find(';', at_);
        if (end == string_view::npos || end - at_ > 12) return false;
        string_view name = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end;
        if (!name.starts_with('#')) {
            return name == "amp" || name == "lt" || name == "gt" || name == "quot" ||
                   name == "apos";
        }
        name.remove_prefix(1);
        const bool hex = name.starts_with('x');
        if (hex) name.remove_prefix(1);
        return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
            return (c >= '0' && c <= '9') ||
                   (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
        });
    }

    string_view Markup() {
        const string_view rest = text_.substr(at_);
        if (rest.starts_with("<!--")) {
            const std::size_t end = text_.find("-->", at_ + 4);
            if (end == string_view::npos) return "has a comment that is not closed";
            at_ = end + 3;
            return {};
        }
        if (rest.starts_with("</")) return ClosingTag();
        if (rest.starts_with("<!") || rest.starts_with("<?")) {
            return "holds a declaration, which XHTML in a narrative must not";
        }
        return OpeningTag();
    }

    string_view ClosingTag() {
        at_ += 2;
        const string_view name = Name();
        SkipSpace();
        if (open_.empty() || name != open_.back() || !Take('>')) {
            return "has a closing tag that matches no open element";
        }
        open_.pop_back();
        return {};
    }

    string_view OpeningTag() {
        ++at_;
        const string_view name = Name();
        if (!std::binary_search(kElements.begin(), kElements.end(), name)) {
            return "holds an element that is not allowed in a narrative";
        }
        if (name == "img") content_ = true;
        while (true) {
            const bool spaced = SkipSpace();
            if (Take('>')) {
                if (open_.size() >= kDepthMax) return "is nested too deep";
                open_.push_back(name);
                return {};
            }
            if (Take('/')) return Take('>') ? string_view() : "has a malformed tag";
            if (!spaced) return "has a malformed tag";
            if (const string_view problem = Attribute(); !problem.empty()) return problem;
        }
    }

    string_view Attribute() {
        const string_view name = Name();
        SkipSpace();
        if (name.empty() || !Take('=')) return "has a malformed attribute";
        SkipSpace();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        if (quote != '"' && quote != '\'') return "has an attribute without quotes";
        const std::size_t begin = ++at_;
        for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (text_[at_] == '<') return "has '<' in an attribute";
            if (text_[at_] == '&' && !Entity()) return "holds '&' that is no XML entity";
        }
        const string_view value = text_.substr(begin, at_ - begin);
        if (!Take(quote)) return "has an attribute that is not closed";
        if (name == "xmlns") {
            return value == "http://www.w3.org/1999/xhtml" ? string_view()
                                                           : "is in another namespace than XHTML";
        }
        if (!std::binary_search(kAttributes.begin(), kAttributes.end(), name)) {
            return "holds an attribute that is not allowed in a narrative";
        }
        const bool link = name == "href" || name == "src" || name == "longdesc" || name == "cite";
        return link && IsScriptLink(value, name == "src") ? "holds a link that runs a script"
                                                          : string_view();
    }

    // A scheme is letters, digits, "+-." up to the first ':'. Browsers skip blanks and control
    // characters and decode entities before they look for it, so a ':' after anything else than
    // scheme or path bytes is refused with the scripts.
    static bool IsScriptLink(string_view value, bool image) {
        const std::size_t colon = value.find(':');
        if (colon == string_view::npos) return value.find("&#") != string_view::npos;
        std::string scheme;
        for (const char c : value.substr(0, colon)) {
            if (c == '/' || c == '?' || c == '#') return false;
            if (!IsNameByte(c) && c != '+') return true;
            scheme += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        return scheme == "javascript" || scheme == "vbscript" || (scheme == "data" && !image);
    }

    string_view Name() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }
    bool Take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool SkipSpace() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
        return at_ != begin;
    }

    string_view text_;
    std::size_t at_ = 0;
    std::vector<string_view> open_;
    bool content_ = false;
};

}  // namespace

string_view XhtmlProblem(string_view text) {
    return Scanner(text).Run();
}

}  // namespace carestream::fhir::internal
