#include "fhir/plain_path.h"

#include <algorithm>
#include <utility>

#include "fhir/internal/path_eval.h"
#include "fhir/internal/path_tree.h"

namespace carestream::fhir {
namespace {

using path::Expr;
using path::Op;
using Paths = std::vector<PlainPath>;

class Expander {
public:
    Expander(const Definitions& definitions, const TypeDefinition& root)
        : definitions_(definitions), root_(root) {}

    // False when the evaluator is needed.
    bool Expand(const Expr& expr, const Paths& from, Paths& out) {
        switch (expr.op) {
            case Op::kUnion:
                return std::all_of(expr.kids.begin(), expr.kids.end(),
                                   [&](const Expr& kid) { return Expand(kid, from, out); });
            case Op::kPath: {
                Paths current;
                if (!Expand(expr.kids[0], from, current)) return false;
                for (std::size_t i = 1; i < expr.kids.size(); ++i) {
                    Paths next;
                    if (!Expand(expr.kids[i], current, next)) return false;
                    current = std::move(next);
                }
                out.insert(out.end(), current.begin(), current.end());
                return true;
            }
            case Op::kMember:
                return Member(expr, from, out);
            case Op::kAs: {
                Paths current;
                if (!Expand(expr.kids[0], from, current)) return false;
                OfType(expr.text, current, out);
                return true;
            }
            case Op::kFunction:
                return Function(expr, from, out);
            default:
                return false;
        }
    }

private:
    bool Member(const Expr& expr, const Paths& from, Paths& out) {
        if (expr.starts && path::TypeIsA(definitions_, &root_, expr.text)) {
            out.insert(out.end(), from.begin(), from.end());
            return true;
        }
        for (const PlainPath& path : from) {
            if (path.definition == nullptr) return false;
            const ResolvedElement plain = definitions_.Resolve(*path.definition, expr.text);
            if (plain.element != nullptr && !plain.element->choice) {
                out.push_back(Extended(path, expr.text, plain));
                continue;
            }
            for (const ElementDefinition& element : path.definition->elements) {
                if (!element.choice || element.name != expr.text) continue;
                for (const std::string_view type : element.types) {
                    std::string member = expr.text + std::string(type);
                    char& first = member[expr.text.size()];
                    if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
                    const ResolvedElement choice = definitions_.Resolve(*path.definition, member);
                    if (choice.element != nullptr) out.push_back(Extended(path, member, choice));
                }
            }
        }
        return true;
    }

    static PlainPath Extended(const PlainPath& path, std::string member,
                              const ResolvedElement& resolved) {
        PlainPath longer = path;
        PlainStep step;
        step.member = std::move(member);
        step.type = resolved.type;
        step.repeats = resolved.element->max > 1;
        longer.steps.push_back(std::move(step));
        longer.type = resolved.type;
        longer.definition = resolved.definition;
        return longer;
    }

    // Composite parameters of R4 write ofType(DateTime) where they mean dateTime.
    static void OfType(std::string_view type, const Paths& from, Paths& out) {
        for (const PlainPath& path : from) {
            if (path.type == type || (type == "DateTime" && path.type == "dateTime")) {
                out.push_back(path);
            }
        }
    }

    bool Function(const Expr& expr, const Paths& from, Paths& out) {
        const std::string_view name = expr.function->name;
        if (name == "ofType" || name == "as") {
            OfType(expr.text, from, out);
            return true;
        }
        if (name != "where") return false;
        const Expr& condition = expr.kids[0];
        PlainStep extra;
        if (condition.op == Op::kIs && condition.kids[0].op == Op::kFunction &&
            condition.kids[0].function->name == "resolve") {
            extra.refers_to = condition.text;
        } else if (condition.op == Op::kEqual && condition.kids[0].op == Op::kMember &&
                   condition.kids[1].op == Op::kLiteral &&
                   condition.kids[1].literal_type == path::System::kString) {
            extra.where_member = condition.kids[0].text;
            extra.where_value = condition.kids[1].literal.text();
        } else {
            return false;
        }
        for (PlainPath path : from) {
            if (path.steps.empty() || !path.steps.back().refers_to.empty() ||
                !path.steps.back().where_member.empty()) {
                return false;
            }
            path.steps.back().refers_to = extra.refers_to;
            path.steps.back().where_member = extra.where_member;
            path.steps.back().where_value = extra.where_value;
            out.push_back(std::move(path));
        }
        return true;
    }

    const Definitions& definitions_;
    const TypeDefinition& root_;
};

}  // namespace

std::string_view ReferenceType(std::string_view reference) {
    reference = reference.substr(0, reference.find("/_history/"));
    const std::size_t id = reference.rfind('/');
    if (id == std::string_view::npos) return {};
    const std::string_view type = reference.substr(0, id);
    const std::size_t before = type.rfind('/');
    return before == std::string_view::npos ? type : type.substr(before + 1);
}

bool StepHolds(const PlainStep& step, const Node& value) {
    if (!step.where_member.empty() && value.TextOf(step.where_member) != step.where_value) {
        return false;
    }
    if (step.refers_to.empty()) return true;
    const std::string_view reference =
        value.IsString() ? std::string_view(value.text()) : value.TextOf("reference");
    const std::string_view type = ReferenceType(reference);
    return type == step.refers_to || (type.empty() && value.TextOf("type") == step.refers_to);
}

std::optional<std::vector<PlainPath>> PlainPaths(const FhirPath& path,
                                                 const Definitions& definitions,
                                                 std::string_view type) {
    const TypeDefinition* root = definitions.FindType(type);
    if (root == nullptr) return std::nullopt;
    Paths from(1);
    from[0].type = root->name;
    from[0].definition = root;
    Paths out;
    if (!Expander(definitions, *root).Expand(path.tree().root, from, out)) return std::nullopt;
    return out;
}

}  // namespace carestream::fhir
