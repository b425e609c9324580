// Makes schemas/hl7/*.tsv (format: schemas/hl7/README.md) from the npm package hl7-dictionary.
//
//   npm install --no-save --prefix /tmp/hl7 hl7-dictionary@1.0.1
//   node tools/generators/hl7_tables.mjs /tmp/hl7/node_modules/hl7-dictionary schemas/hl7
//
// Only names, types, cardinalities and table numbers are taken, no prose and no table values.
import {createRequire} from 'node:module';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';

const [source, target] = process.argv.slice(2);
if (!source || !target) {
    console.error('usage: node hl7_tables.mjs FOLDER_OF_hl7-dictionary TARGET_FOLDER');
    process.exit(2);
}
const require = createRequire(import.meta.url);
const {definitions, tables} = require(resolve(source));
const about = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
const versions = Object.keys(definitions);  // oldest first

// What the package lacks or has wrong. Source: HL7 v2.8 and v2.8.2.
const segmentPatches = {
    IN1: {
        55: {name: 'Insurance Action Code', type: 'ID', repeats: false, table: 206},
    },
    IN3: {
        26: {name: 'Certification Type', type: 'CWE', repeats: false, table: 921},
        27: {name: 'Certification Category', type: 'CWE', repeats: false, table: 922},
    },
    MSH: {
        26: {name: 'Security Classification Tag', type: 'CWE', repeats: false, table: 952},
        27: {name: 'Security Handling Instructions', type: 'CWE', repeats: true, table: 953},
        28: {name: 'Special Access Restriction Instructions', type: 'ST', repeats: true, table: 0},
    },
    NTE: {
        9: {name: 'Coded Comment', type: 'CWE', repeats: true, table: 611},
    },
    ORC: {
        34: {name: 'Order Workflow Profile', type: 'CWE', repeats: true, table: 934},
        35: {name: 'Action Code', type: 'ID', repeats: false, table: 206},
        36: {name: 'Order Status Date Range', type: 'DR', repeats: false, table: 0},
        37: {name: 'Order Creation Date/Time', type: 'DTM', repeats: false, table: 0},
        38: {name: 'Filler Order Group Number', type: 'EI', repeats: false, table: 0},
    },
    PRT: {
        16: {name: 'UDI Device Identifier', type: 'EI', repeats: false, table: 0},
        17: {name: 'Device Manufacture Date', type: 'DTM', repeats: false, table: 0},
        18: {name: 'Device Expiry Date', type: 'DTM', repeats: false, table: 0},
        19: {name: 'Device Lot Number', type: 'ST', repeats: false, table: 0},
        20: {name: 'Device Serial Number', type: 'ST', repeats: false, table: 0},
        21: {name: 'Device Donation Identification', type: 'EI', repeats: false, table: 0},
        22: {name: 'Device Type', type: 'CNE', repeats: false, table: 961},
        23: {name: 'Preferred Method of Contact', type: 'CWE', repeats: false, table: 185},
        24: {name: 'Contact Identifiers', type: 'PLN', repeats: true, table: 0},
    },
    RXA: {
        29: {name: 'Administered Tag Identifier', type: 'EI', repeats: true, table: 0},
    },
    TXA: {
        27: {name: 'Creating Facility', type: 'HD', repeats: false, table: 0},
        28: {name: 'Creating Specialty', type: 'CWE', repeats: false, table: 0},
    },
    OBX: {
        4: {name: 'Observation Sub-ID', type: 'OG', repeats: false, table: 0},
        27: {name: 'Root Cause', type: 'CWE', repeats: false, table: 914},
        28: {name: 'Local Process Control', type: 'CWE', repeats: true, table: 915},
        29: {name: 'Observation Type', type: 'ID', repeats: false, table: 936},
        30: {name: 'Observation Sub-Type', type: 'ID', repeats: false, table: 937},
        31: {name: 'Action Code', type: 'ID', repeats: false, table: 206},
        32: {name: 'Observation Value Absent Reason', type: 'CWE', repeats: true, table: 960},
        33: {name: 'Observation Related Specimen Identifier', type: 'EIP', repeats: true, table: 0},
    },
};
const typePatches = {
    OG: {
        name: 'Observation Grouper',
        components: [
            {name: 'Original Sub-Identifier', type: 'ST', table: 0},
            {name: 'Group', type: 'NM', table: 0},
            {name: 'Sequence', type: 'NM', table: 0},
            {name: 'Identifier', type: 'ST', table: 0},
        ],
    },
};
// Events that table 0354 of the package leaves out.
const eventPatches = {
    'SIU^S27': 'SIU_S12', 'ORU^R31': 'ORU_R30', 'ORU^R32': 'ORU_R30', 'OML^O39': 'OML_O39',
    'QRY^A19': 'QRY_A19',
};

const clean = (text) => (text ?? '').replace(/\s+/g, ' ').trim();
const tableNumber = (value) => (/^\d+$/.test(String(value ?? '')) ? Number(value) : 0);

// One field or component out of its versions, oldest first: the newest name; the newest data type
// that was not yet withdrawn (opt 4: 2.7 shows withdrawn fields as ST); VARIES wins; the newest table.
// It repeats if the newest version says so or two others do: one alone is often a slip.
function unite(all) {
    const current = all.filter((f) => f.opt !== 4);
    const typed = current.length > 0 ? current : all;
    const varies = all.some((f) => f.datatype === 'VARIES');
    const withTable = all.filter((f) => tableNumber(f.table) > 0);
    return {
        name: clean(all.at(-1).desc),
        type: varies ? 'VARIES' : typed.at(-1).datatype,
        repeats: typed.at(-1).rep !== 1 || all.filter((f) => f.rep !== 1).length > 1,
        table: withTable.length > 0 ? tableNumber(withTable.at(-1).table) : 0,
    };
}

function uniteLists(kind, list) {
    const ids = new Set(versions.flatMap((v) => Object.keys(definitions[v][kind])));
    const united = {};
    for (const id of [...ids].sort()) {
        const known = versions.map((v) => definitions[v][kind][id]).filter(Boolean);
        const items = [];
        const length = Math.max(...known.map((k) => (k[list] ?? []).length));
        for (let i = 0; i < length; ++i) {
            items.push(unite(known.map((k) => (k[list] ?? [])[i]).filter(Boolean)));
        }
        united[id] = {name: clean(known.at(-1).desc), items};
    }
    return united;
}

function writeTypes(folder) {
    const types = uniteLists('fields', 'subfields');
    for (const [id, patch] of Object.entries(typePatches)) {
        types[id] = {name: patch.name, items: patch.components};
    }
    const rows = ['type\tcomponent\tname\tdata_type\ttable'];
    for (const id of Object.keys(types).sort()) {
        rows.push([id, 0, types[id].name, '', ''].join('\t'));
        types[id].items.forEach((c, i) => {
            rows.push([id, i + 1, c.name, c.type, c.table || ''].join('\t'));
        });
    }
    writeFileSync(join(folder, 'datatypes.tsv'), rows.join('\n') + '\n');
    return types;
}

function writeSegments(folder, types) {
    const segments = uniteLists('segments', 'fields');
    const rows = ['segment\tfield\tname\tdata_type\trepeats\ttable'];
    for (const [id, segment] of Object.entries(segments)) {
        if (!/^[A-Z][A-Z0-9]{2}$/.test(id)) continue;
        for (const [number, patch] of Object.entries(segmentPatches[id] ?? {})) {
            segment.items[number - 1] = patch;
        }
        rows.push([id, 0, segment.name, '', '', ''].join('\t'));
        segment.items.forEach((f, i) => {
            if (!types[f.type]) throw new Error(`${id}-${i + 1} has the unknown type ${f.type}`);
            rows.push([id, i + 1, f.name, f.type, f.repeats ? '*' : '', f.table || ''].join('\t'));
        });
    }
    writeFileSync(join(folder, 'segments.tsv'), rows.join('\n') + '\n');
}

// "PID", "SFT*", "PROCEDURE*(PR1 ROL*)", "<OBR|RQD>": suffix ? 0..1, * 0..n, + 1..n, none 1..1.
function notation(nodes) {
    return nodes.map((node) => {
        const suffix = node.min > 0 ? (node.max === 1 ? '' : '+') : node.max === 1 ? '?' : '*';
        if (node.compounds) return `<${node.compounds.map((c) => c.name).join('|')}>${suffix}`;
        const name = node.name.replace(/[^A-Za-z0-9]+/g, '_').toUpperCase();
        if (node.children) return `${name}${suffix}(${notation(node.children)})`;
        return name + suffix;
    }).join(' ');
}

// The package has choices whose segments lost their names (CCM_I21).
const isComplete = (tree) => !/[<|](null)?[|>]/.test(tree);

function readEvents() {
    const events = new Map();
    for (const [structure, text] of Object.entries(tables['354'].values)) {
        if (!/^[A-Z]{3}_[A-Z0-9]{3}$/.test(structure)) continue;
        const code = structure.slice(0, 3);
        for (const event of text.match(/[A-Z][A-Z0-9]{2}/g) ?? []) {
            events.set(`${code}^${event}`, structure);
        }
    }
    for (const [event, structure] of Object.entries(eventPatches)) events.set(event, structure);
    for (const version of versions) {
        for (const key of Object.keys(definitions[version].messages)) {
            const event = key.replace('_', '^');
            if (/^[A-Z]{3}_[A-Z][A-Z0-9]{2}$/.test(key) && !events.has(event)) {
                events.set(event, key);
            }
        }
    }
    return events;
}

function writeStructures(folder) {
    const events = readEvents();
    const rows = ['kind\tname\tvalue\tversion'];
    for (const event of [...events.keys()].sort()) {
        rows.push(['event', event, events.get(event), ''].join('\t'));
    }
    const structures = [...new Set(events.values()), 'ACK'].sort();
    for (const structure of structures) {
        // The package files structures under their events: newest version first, own name first.
        const keys = [structure, ...[...events].filter(([, s]) => s === structure)
            .map(([event]) => event.replace('^', '_')).sort()];
        for (const version of [...versions].reverse()) {
            const key = keys.find((k) => definitions[version].messages[k]?.segments?.segments);
            if (!key) continue;
            const tree = notation(definitions[version].messages[key].segments.segments);
            if (!isComplete(tree)) continue;
            rows.push(['structure', structure, tree, version].join('\t'));
            break;
        }
    }
    writeFileSync(join(folder, 'structures.tsv'), rows.join('\n') + '\n');
}

mkdirSync(target, {recursive: true});
const types = writeTypes(target);
writeSegments(target, types);
writeStructures(target);
console.log(`${about.name} ${about.version} -> ${target}`);
