#include "fhir/path_types.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "fhir/internal/path_eval.h"
#include "fhir/internal/path_tree.h"

namespace carestream::fhir {
namespace {

using path::Expr;
using path::Op;
using Names = std::vector<std::string_view>;

constexpr std::string_view kBoolean = "System.Boolean";
constexpr std::string_view kString = "System.String";
constexpr std::string_view kInteger = "System.Integer";

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void Add(PathTypes& types, std::string_view type) {
    if (std::find(types.types.begin(), types.types.end(), type) == types.types.end()) {
        types.types.push_back(type);
    }
}

void Add(PathTypes& types, const PathTypes& more) {
    types.known = types.known && more.known;
    for (const std::string_view type : more.types) Add(types, type);
}

PathTypes Only(std::string_view type) {
    return {{type}, true};
}

PathTypes Anything() {
    return {{}, false};
}

class Typist {
public:
    Typist(const Definitions& definitions, std::string_view text, std::string_view root,
           const std::vector<std::pair<std::string_view, std::string_view>>& variables)
        : definitions_(definitions),
          text_(text),
          root_(definitions.FindType(root)),
          variables_(variables) {}

    // `self` is what the arguments of functions are evaluated on.
    Result<PathTypes> Of(const Expr& expr, const PathTypes& from, const PathTypes& self) {
        switch (expr.op) {
            case Op::kLiteral:
                return Only(path::SystemTypeName(expr.literal_type));
            case Op::kEmpty:
                return PathTypes{};
            case Op::kThis:
                return self;
            case Op::kIndex:
                return Only(kInteger);
            case Op::kTotal:
                return Anything();
            case Op::kVariable:
                return Variable(expr);
            case Op::kMember:
                return Member(expr, from);
            case Op::kFunction:
                return Function(expr, from, self);
            case Op::kPath:
                return Path(expr, from, self);
            case Op::kIndexer: {
                CARESTREAM_TRY(Of(expr.kids[1], self, self));
                return Of(expr.kids[0], from, self);
            }
            case Op::kAs: {
                CARESTREAM_TRY(Kids(expr, from, self));
                return Typed(expr);
            }
            case Op::kUnion: {
                return Kids(expr, from, self);
            }
            default:
                return Operator(expr, from, self);
        }
    }

private:
    tl::unexpected<Error> Wrong(std::string message, std::string_view name) {
        Error error{Code::kInvalid, std::move(message), {}, {}, 0, false};
        const std::size_t at = text_.find(name);
        error.offset_bytes = at == std::string_view::npos ? 0 : at;
        return tl::make_unexpected(std::move(error));
    }

    Result<PathTypes> Kids(const Expr& expr, const PathTypes& from, const PathTypes& self) {
        PathTypes all;
        for (const Expr& kid : expr.kids) {
            CARESTREAM_ASSIGN(types, Of(kid, from, self));
            Add(all, types);
        }
        return all;
    }

    Result<PathTypes> Path(const Expr& expr, const PathTypes& from, const PathTypes& self) {
        PathTypes current = from;
        for (const Expr& kid : expr.kids) {
            CARESTREAM_ASSIGN(next, Of(kid, current, self));
            current = std::move(next);
        }
        return current;
    }

    Result<PathTypes> Operator(const Expr& expr, const PathTypes& from, const PathTypes& self) {
        CARESTREAM_ASSIGN(sides, Kids(expr, from, self));
        if (expr.op == Op::kConcatenate) return Only(kString);
        if (expr.op >= Op::kLess || expr.op == Op::kIs) return Only(kBoolean);
        return sides;
    }

    Result<PathTypes> Variable(const Expr& expr) {
        for (const auto& [name, type] : variables_) {
            if (name == expr.text) return type.empty() ? Anything() : Only(type);
        }
        const std::string& name = expr.text;
        if (IsOneOf(name, {"context", "resource", "rootResource"})) {
            return root_ == nullptr ? Anything() : Only(root_->name);
        }
        if (IsOneOf(name, {"ucum", "sct", "loinc"}) || name.starts_with("vs-") ||
            name.starts_with("ext-")) {
            return Only(kString);
        }
        Names names;
        for (const auto& [known, type] : variables_) names.push_back(known);
        return Wrong("no variable '%" + name + "'" + DidYouMean(name, names), name);
    }

    // Adds what `name` is in `type`; false if it has no such element.
    bool Element(std::string_view type, std::string_view name, PathTypes& out) {
        const TypeDefinition* definition = definitions_.FindType(type);
        if (definition == nullptr || definition->abstract) {
            out.known = false;
            return true;
        }
        const ResolvedElement plain = definitions_.Resolve(*definition, name);
        if (plain.element != nullptr && !plain.element->choice) {
            if (plain.definition != nullptr && plain.definition->abstract) {
                out.known = false;
            } else {
                Add(out, plain.type);
            }
            return true;
        }
        for (const ElementDefinition& element : definition->elements) {
            if (!element.choice || element.name != name) continue;
            for (const std::string_view one : element.types) Add(out, one);
            return true;
        }
        return false;
    }

    Result<PathTypes> Member(const Expr& expr, const PathTypes& from) {
        if (expr.starts && root_ != nullptr && path::TypeIsA(definitions_, root_, expr.text)) {
            return from;
        }
        PathTypes out;
        out.known = from.known;
        bool found = !from.known || from.types.empty();
        for (const std::string_view type : from.types) {
            found = Element(type, expr.text, out) || found;
        }
        if (found) return out;
        return Wrong(Missing(expr.text, from), expr.text);
    }

    std::string Missing(const std::string& name, const PathTypes& from) {
        std::string owners;
        Names names;
        for (const std::string_view type : from.types) {
            owners += (owners.empty() ? "" : ", ") + std::string(type);
            const TypeDefinition* definition = definitions_.FindType(type);
            if (definition == nullptr) continue;
            const ResolvedElement choice = definitions_.Resolve(*definition, name);
            if (choice.element != nullptr) {
                return "'" + name + "' is written " + std::string(choice.element->name) +
                       ".ofType(" + std::string(choice.type) + ") in an expression";
            }
            for (const ElementDefinition& element : definition->elements) {
                names.push_back(element.name);
            }
        }
        return owners + " has no element '" + name + "'" + DidYouMean(name, names);
    }

    Result<PathTypes> Typed(const Expr& expr) {
        if (expr.name_space == "System") return Anything();
        const TypeDefinition* type = definitions_.FindType(expr.text);
        if (type != nullptr) return type->abstract ? Anything() : Only(type->name);
        const std::string system = "System." + expr.text;
        for (const auto known :
             {path::System::kBoolean, path::System::kString, path::System::kInteger,
              path::System::kDecimal, path::System::kDate, path::System::kDateTime,
              path::System::kTime, path::System::kQuantity}) {
            if (path::SystemTypeName(known) == system) return Only(path::SystemTypeName(known));
        }
        const auto types = definitions_.ResourceTypes();
        return Wrong("unknown type '" + expr.text + "'" +
                         DidYouMean(expr.text, Names(types.begin(), types.end())),
                     expr.text);
    }

    Result<PathTypes> Function(const Expr& expr, const PathTypes& from, const PathTypes& self) {
        const std::string_view name = expr.function->name;
        if (IsOneOf(name, {"where", "exists", "all", "select", "repeat"})) {
            CARESTREAM_ASSIGN(inner, Kids(expr, from, from));
            if (name == "where") return from;
            if (name == "select") return inner;
            // What repeats may be found again below what was found.
            return name == "repeat" ? inner : Only(kBoolean);
        }
        if (IsOneOf(name, {"ofType", "as"})) return Typed(expr);
        if (name == "extension") return Only("Extension");
        CARESTREAM_ASSIGN(arguments, Kids(expr, self, self));
        if (IsOneOf(name, {"first", "last", "tail", "skip", "take", "single", "distinct", "trace",
                           "exclude", "intersect", "sort"})) {
            return from;
        }
        if (IsOneOf(name, {"union", "combine"})) {
            Add(arguments, from);
            return arguments;
        }
        if (name == "iif") return Iif(expr, from, self);
        if (IsOneOf(name,
                    {"empty", "not", "hasValue", "is", "contains", "startsWith", "endsWith",
                     "matches", "matchesFull", "allTrue", "anyTrue", "allFalse", "anyFalse"})) {
            return Only(kBoolean);
        }
        if (IsOneOf(name, {"count", "length", "indexOf", "lastIndexOf"})) return Only(kInteger);
        if (IsOneOf(name,
                    {"join", "lower", "upper", "replace", "replaceMatches", "split", "substring",
                     "toString", "trim", "encode", "decode", "escape", "unescape"})) {
            return Only(kString);
        }
        return Anything();
    }

    Result<PathTypes> Iif(const Expr& expr, const PathTypes& from, const PathTypes& self) {
        PathTypes out;
        for (std::size_t i = 1; i < expr.kids.size(); ++i) {
            CARESTREAM_ASSIGN(types, Of(expr.kids[i], from, self));
            Add(out, types);
        }
        return out;
    }

    const Definitions& definitions_;
    std::string_view text_;
    const TypeDefinition* root_;
    const std::vector<std::pair<std::string_view, std::string_view>>& variables_;
};

}  // namespace

Result<PathTypes> TypesOf(
    const FhirPath& path, std::string_view text, const Definitions& definitions,
    std::string_view root,
    const std::vector<std::pair<std::string_view, std::string_view>>& variables) {
    const TypeDefinition* type = definitions.FindType(root);
    const PathTypes from = type == nullptr ? Anything() : Only(type->name);
    return Typist(definitions, text, root, variables).Of(path.tree().root, from, from);
}

}  // namespace carestream::fhir
