#include "rest/index_page.h"

namespace carestream::rest {
namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CareStream</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
p.lead { margin-top: 0; opacity: .8; }
pre { padding: .8rem 1rem; overflow-x: auto; border: 1px solid #8885; border-radius: .4rem; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
a { color: #0b6bcb; }
@media (prefers-color-scheme: dark) { a { color: #7ab8ff; } }
footer { margin-top: 3rem; font-size: .85rem; opacity: .7; }
</style>
</head>
<body>
<h1>CareStream</h1>
<p class="lead">HL7 v2 feeds in, FHIR R4 out.</p>
<p>This is a FHIR R4 server at <a href="@BASE@/metadata?_pretty=true"><code>@BASE@</code></a>. What
arrives from the hospital's systems as HL7 v2 can be read and searched here as FHIR resources.</p>
<h2>Look around</h2>
<ul>
<li><a href="@BASE@/metadata?_pretty=true">What this server can do</a> (CapabilityStatement)</li>
<li><a href="@BASE@/Patient?_count=5&amp;_pretty=true">Patients</a></li>
<li><a href="@BASE@/Observation?_count=5&amp;_pretty=true">Observations</a></li>
<li><a href="@BASE@/Appointment?_count=5&amp;_pretty=true">Appointments</a></li>
</ul>
<h2>Ask from a shell</h2>
<pre>curl '@BASE@/Patient?_count=1&amp;_pretty=true'
curl '@BASE@/Observation?patient=ID&amp;_sort=-date&amp;_count=20'
curl '@BASE@/Patient/ID/Observation?category=laboratory'
curl '@BASE@/Encounter?_include=Encounter:subject'</pre>
<h2>Write</h2>
<pre>curl -X POST '@BASE@/Patient' -H 'Content-Type: application/fhir+json' \
  -d '{"resourceType":"Patient","name":[{"family":"Example"}]}'</pre>
<p>Updates carry the version they are based on: <code>PUT</code> with
<code>If-Match: W/"1"</code>. Errors come as OperationOutcome with the element that is wrong.</p>
<footer>CareStream @VERSION@. Operators: <code>carestream status</code> shows feeds, dead letters and
what to do next.</footer>
</body>
</html>
)";

void AppendEscaped(std::string_view text, std::string& out) {
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
}

}  // namespace

std::string IndexPage(std::string_view base, std::string_view version) {
    std::string out;
    std::string_view rest = kPage;
    for (;;) {
        const auto at = rest.find('@');
        if (at == std::string_view::npos) break;
        const auto end = rest.find('@', at + 1);
        const std::string_view name = rest.substr(at + 1, end - at - 1);
        if (name != "BASE" && name != "VERSION") {  // an '@' of the style sheet
            out += rest.substr(0, at + 1);
            rest.remove_prefix(at + 1);
            continue;
        }
        out += rest.substr(0, at);
        AppendEscaped(name == "BASE" ? base : version, out);
        rest.remove_prefix(end + 1);
    }
    out += rest;
    return out;
}

}  // namespace carestream::rest
