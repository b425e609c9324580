// Compiles the profiles of US Core into the tables of schemas/fhir/us-core/<version> (see the README.md there).
//
//   node tools/generators/us_core_profiles.mjs hl7.fhir.us.core-6.1.0.tgz [schemas/fhir/us-core] [schemas/fhir/r4]
//
// Reads the package as HL7 publishes it and the tables of R4 that fhir_definitions.mjs made. Only facts are taken
// (cardinalities, patterns, bindings, slices, invariants, codes), no prose, and only what goes beyond R4. The output
// is deterministic, so a regeneration shows up as a readable diff.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [source, target = 'schemas/fhir/us-core', r4 = 'schemas/fhir/r4'] = process.argv.slice(2);
if (!source) {
    console.error('usage: us_core_profiles.mjs <package.tgz> [schemas/fhir/us-core] [schemas/fhir/r4]');
    process.exit(2);
}
const check = (holds, message) => {
    if (!holds) throw new Error(message);
};
const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const tail = (url) => url.slice(url.lastIndexOf('/') + 1);
const plain = (canonical) => canonical.split('|')[0];
const oneLine = (text) => text.replace(/\s+/g, ' ').trim();

// ---- what stands in for other publications -----------------------------------------------------
// Value sets that the package refers to and does not hold. VSAC: the expansions HL7 publishes with US Core 6.1.0.
const CDC_RACE = 'urn:oid:2.16.840.1.113883.6.238';
const NULL_FLAVOR = 'http://terminology.hl7.org/CodeSystem/v3-NullFlavor';
const VSAC = 'http://cts.nlm.nih.gov/fhir/ValueSet/';
const R4 = 'http://hl7.org/fhir/ValueSet/';
const UCUM = 'http://unitsofmeasure.org';
const OTHER_VALUE_SETS = {
    [`${VSAC}2.16.840.1.114222.4.11.836`]: [CDC_RACE, '1002-5 2028-9 2054-5 2076-8 2106-3 2131-1'],
    [`${VSAC}2.16.840.1.114222.4.11.837`]: [CDC_RACE, '2135-2 2186-5'],
    [`${VSAC}2.16.840.1.113762.1.4.1021.102`]: [NULL_FLAVOR, 'ASKU UNK'],
    [`${VSAC}2.16.840.1.113762.1.4.1021.103`]: [NULL_FLAVOR, 'ASKU OTH UNK'],
    [`${VSAC}2.16.840.1.113762.1.4.1`]: ['http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender', 'F M'],
    [`${R4}observation-vitalsignresult`]: ['http://loinc.org',
        '2708-6 29463-7 39156-5 8302-2 8310-5 8462-4 8478-0 8480-6 85353-1 85354-9 8867-4 9279-1 9843-4'],
    [`${R4}servicerequest-category`]: ['http://snomed.info/sct', '108252007 363679005 387713003 409063005 409073007'],
    [`${R4}ucum-bodylength`]: [UCUM, '[in_i] cm'],
    [`${R4}ucum-bodytemp`]: [UCUM, 'Cel [degF]'],
    [`${R4}ucum-bodyweight`]: [UCUM, '[lb_av] g kg'],
};
// The rest of the CDC code set; which code stands on which level cannot be seen here.
const OTHER_OPEN = {
    [`${VSAC}2.16.840.1.113883.1.11.14914`]: CDC_RACE,
    [`${VSAC}2.16.840.1.114222.4.11.877`]: CDC_RACE,
};
// Tested with every resource by the validator, or not of the kind that a resource alone can break.
const COMMON_INVARIANTS = new Set(['ele-1', 'ext-1', 'dom-2', 'dom-3', 'dom-4', 'dom-5', 'dom-6', 'txt-1', 'txt-2']);
// Published expressions that a strict evaluation refuses, or that forget the type they do not speak of.
const REPAIRED = {
    'pd-1': 'telecom.exists() or endpoint.exists()',
    'us-core-13': 'practitioner.exists() or organization.exists() or healthcareService.exists() or location.exists()',
    'vs-1': '($this is dateTime) implies ($this.toString().length() >= 8)',
    'us-core-1': '($this is dateTime) implies ($this.toString().length() >= 10)',
};
// A profile for some resources of its type only, where no pattern says which.
const ONLY_WHEN = {'us-core-implantable-device': 'udiCarrier.exists()'};

// ---- the package -------------------------------------------------------------------------------
// Members of a tar file: name -> text.
function untar(bytes) {
    const files = new Map();
    const field = (at, from, size) => bytes.toString('utf8', at + from, at + from + size).replace(/\0.*$/s, '');
    for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
        const size = parseInt(field(at, 124, 12), 8);
        const prefix = field(at, 345, 155);
        const name = (prefix ? `${prefix}/` : '') + field(at, 0, 100);
        files.set(name, bytes.subarray(at + 512, at + 512 + size));
        at += 512 + Math.ceil(size / 512) * 512;
    }
    return files;
}
const files = untar(zlib.gunzipSync(fs.readFileSync(source)));
const version = JSON.parse(files.get('package/package.json')).version;
const of = (kind) => [...files].filter(([name]) => new RegExp(`^package/${kind}-[^/]*\\.json$`).test(name))
    .map(([, text]) => JSON.parse(text)).sort((a, b) => byName(a.url, b.url));
const structures = of('StructureDefinition').filter((d) => d.derivation === 'constraint' && d.id !== 'uscdi-requirement');
const own = new Map(structures.map((d) => [d.url, d]));
check(structures.length > 50, 'the package holds no profiles');

// ---- R4 ----------------------------------------------------------------------------------------
const lines = (file) => fs.readFileSync(path.join(r4, file), 'utf8').split('\n')
    .filter((l) => l && !l.startsWith('#')).map((l) => l.split('\t'));
const types = new Map();
for (const [kind, name, ...rest] of lines('types.tsv')) {
    if (kind === 't') types.set(name, {base: rest[1], elements: new Map()});
    else [...types.values()].at(-1).elements.set(name, {min: +rest[0], max: rest[1], types: rest[3], strength: rest[4] ?? '',
        valueSet: rest[5] ?? ''});
}
function baseElement(type, name) {
    for (let at = type; types.has(at); at = types.get(at).base) {
        const found = types.get(at).elements.get(name.replace('[x]', ''));
        if (found) return found;
    }
    return undefined;
}
const r4Systems = new Map();
for (const [kind, value] of lines('code_systems.tsv')) {
    if (kind === 's') r4Systems.set(value, []);
    else [...r4Systems.values()].at(-1).push(value);
}
const r4ValueSets = new Set(lines('value_sets.tsv').filter(([kind]) => kind === 'v').map(([, url]) => url));

// ---- profiles.tsv ------------------------------------------------------------------------------
// Of a profile in the package its name, else the type it is about.
const OTHER_PROFILES = {vitalsigns: 'Observation', 'sdc-questionnaire': 'Questionnaire'};
function nameOf(url) {
    if (own.has(url)) return own.get(url).id;
    const name = OTHER_PROFILES[tail(url)] ?? tail(url);
    check(types.has(name), `${url}: of which type is it?`);
    return name;
}

function typesOf(element) {
    return (element.type ?? []).map((t) => {
        if (t.code.startsWith('http://hl7.org/fhirpath/')) return '';
        const targets = [...(t.targetProfile ?? []).map(nameOf), ...(t.profile ?? []).filter((p) => own.has(p)).map(nameOf)]
            .filter((name) => name !== 'Resource');
        return targets.length ? `${t.code}(${targets.join(',')})` : t.code;
    }).filter((t) => t).join('|');
}

// The type whose element this is: of the parent in the snapshot.
function ownerType(definition, byId, element) {
    const id = element.id.slice(0, element.id.lastIndexOf('.'));
    if (!id.includes('.')) return definition.type;
    const parent = byId.get(id);
    const code = parent.type?.[0].code;
    if (parent.contentReference) return parent.contentReference.slice(1);
    return code === 'BackboneElement' || code === 'Element' ? parent.path : code;
}

const STRENGTHS = ['', 'example', 'preferred', 'extensible', 'required'];
function bindingOf(element, base) {
    const binding = element.binding;
    const most = binding?.extension?.find((x) => x.url.endsWith('elementdefinition-maxValueSet'))?.valueCanonical;
    // R4 itself has one, of all languages, for every resource.
    if (most && !element.path.endsWith('.language')) return ['required', plain(most)];
    if (!binding?.valueSet || STRENGTHS.indexOf(binding.strength) < 3) return ['', ''];
    const valueSet = plain(binding.valueSet);
    const same = base && base.valueSet === valueSet && base.strength === binding.strength;
    return same ? ['', ''] : [binding.strength, valueSet];
}

function invariantsOf(element) {
    return (element.constraint ?? [])
        .filter((c) => c.severity === 'error' && c.expression && !COMMON_INVARIANTS.has(c.key))
        .map((c) => ['i', c.key, REPAIRED[c.key] ?? oneLine(c.expression)]);
}

function valueOf(element) {
    const key = Object.keys(element).find((k) => /^(fixed|pattern)[A-Z]/.test(k));
    return key ? [['f', key.startsWith('fixed') ? 'fixed' : 'pattern', JSON.stringify(element[key])]] : [];
}

// An extension that another publication defines is not looked at.
const isForeign = (element) => element.sliceName && element.type?.[0].code === 'Extension' && element.type[0].profile &&
    !own.has(element.type[0].profile[0]);

function discriminatorsOf(byId, element) {
    const used = [...byId.values()].some((e) => e.sliceName && e.id === `${element.id}:${e.sliceName}` && !isForeign(e));
    if (!used) return [];
    return (element.slicing?.discriminator ?? []).map((d) => ['d', element.slicing.rules, d.type, d.path]);
}

// The lines of an element, none when it says nothing that its type does not say.
function elementLines(definition, byId, element) {
    if (!element.path.includes('.')) {
        const invariants = invariantsOf(element);
        return invariants.length ? [['e', '.', 0, '*'], ...invariants] : [];
    }
    const name = tail(element.path.replace(/\./g, '/'));
    const base = baseElement(ownerType(definition, byId, element), name);
    const sliced = element.id.slice(element.id.lastIndexOf('.')).includes(':');
    if (isForeign(element)) return [];
    const allowed = typesOf(element);
    const backbone = /^(BackboneElement|Element)$/.test(allowed);
    const narrowed = !base || backbone || allowed === base.types || element.contentReference ? '' : allowed;
    const [strength, valueSet] = bindingOf(element, base);
    const details = [...valueOf(element), ...discriminatorsOf(byId, element), ...invariantsOf(element)];
    const same = !sliced && base && element.min <= base.min && element.max === base.max && !element.mustSupport && !narrowed &&
        !strength && details.length === 0;
    if (same || (!base && details.length === 0 && element.min === 0)) return [];
    const id = element.id.slice(element.id.indexOf('.') + 1);
    return [['e', id, element.min, element.max, element.mustSupport ? 'm' : '', narrowed, strength, valueSet], ...details];
}

const join = (cells) => cells.join('\t').replace(/\t+$/, '');
const bound = new Set();
function profileLines(definition) {
    const byId = new Map(definition.snapshot.element.map((e) => [e.id, e]));
    const found = definition.snapshot.element.flatMap((e) => elementLines(definition, byId, e));
    for (const [kind, , , , , , , valueSet] of found) if (kind === 'e' && valueSet) bound.add(valueSet);
    const parent = own.get(plain(definition.baseDefinition));
    const when = ONLY_WHEN[definition.id];
    return [['p', definition.id, definition.url, definition.type, parent ? parent.id : ''],
        ...(when ? [['w', when]] : []), ...found].map(join);
}

const folder = path.join(target, version);
fs.mkdirSync(folder, {recursive: true});
const write = (file, header, all) => {
    const text = [`# ${header}`, ...all].join('\n') + '\n';
    fs.writeFileSync(path.join(folder, file), text);
    console.log(`${file}: ${all.length} lines, ${Buffer.byteLength(text)} bytes`);
};
write('profiles.tsv', 'p name url type base | w when | e element min max flags types strength value-set | f fixed/pattern json | ' +
    'd rules discriminator path | i key expression', structures.flatMap(profileLines));

// ---- code_systems.tsv, value_sets.tsv ----------------------------------------------------------
const systems = new Map(of('CodeSystem').map((s) => [s.url, s]));
const conceptCodes = (concepts) => (concepts ?? []).flatMap((c) => [[c.code, c.display ?? ''], ...conceptCodes(c.concept)]);
write('code_systems.tsv', 's url content | c code display', [...systems.values()].flatMap((s) => [
    `s\t${s.url}\t${s.content === 'complete' ? 'complete' : 'partial'}`,
    ...conceptCodes(s.concept).map(([code, display]) => join(['c', code, oneLine(display)])),
]));

const valueSets = new Map(of('ValueSet').map((v) => [v.url, v]));
// Codes as "system\tcode", systems of which some codes belong that cannot be told here, and whether any may.
function include(part, into) {
    for (const url of part.valueSet ?? []) expand(plain(url), into);
    if (!part.system) return;
    const codes = part.concept?.map((c) => c.code) ??
        (part.filter ? undefined : systems.has(part.system) ? conceptCodes(systems.get(part.system).concept).map(([c]) => c)
            : r4Systems.get(part.system));
    if (codes) codes.forEach((c) => into.codes.add(`${part.system}\t${c}`));
    else into.open.add(part.system);
}
function expand(url, into = {codes: new Set(), open: new Set(), any: false}) {
    if (OTHER_VALUE_SETS[url]) {
        const [system, codes] = OTHER_VALUE_SETS[url];
        codes.split(' ').forEach((c) => into.codes.add(`${system}\t${c}`));
    } else if (OTHER_OPEN[url]) {
        into.open.add(OTHER_OPEN[url]);
    } else if (valueSets.has(url)) {
        // What is excluded only narrows a part that is open anyway.
        const {include: included, exclude} = valueSets.get(url).compose;
        check(!exclude || exclude.every((e) => e.valueSet), `${url}: only value sets can be excluded`);
        included.forEach((part) => include(part, into));
    } else {
        into.any = true;
    }
    return into;
}
write('value_sets.tsv', 'v url closed/open | c system code | o system (of which some codes belong)',
    [...bound].sort(byName).filter((url) => !r4ValueSets.has(url)).flatMap((url) => {
        const set = expand(url);
        if (set.any && set.codes.size === 0 && set.open.size === 0) return [];
        return [`v\t${url}\t${set.any || set.open.size ? 'open' : 'closed'}`,
            ...[...set.codes].sort(byName).map((c) => `c\t${c}`),
            ...(set.any ? [] : [...set.open].sort(byName).map((s) => `o\t${s}`))];
    }));
