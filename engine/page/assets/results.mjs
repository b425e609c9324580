// Results: reports with their values, newest first; one value over time.
import {h} from './dom.mjs';
import {concept, moment, number, quantity} from './format.mjs';
import {plot} from './plot.mjs';
import {problem, replace} from './shell.mjs';
import {known, t} from './words.mjs';

const PAGE = 20;
const VALUES_MAX = 100;
const CORRECTED = new Set(['corrected', 'amended', 'appended']);
const TAKEN_BACK = new Set(['cancelled', 'entered-in-error']);

/** A value as text, whatever its type. */
export function valueOf(observation) {
    if (observation.valueQuantity) return quantity(observation.valueQuantity);
    if (observation.valueCodeableConcept) return concept(observation.valueCodeableConcept);
    if (observation.valueString !== undefined) return observation.valueString;
    if (observation.valueBoolean !== undefined) return t(observation.valueBoolean ? 'yes' : 'no');
    if (observation.valueInteger !== undefined) return number(observation.valueInteger);
    if (observation.valueDateTime) return moment(observation.valueDateTime);
    if (observation.valueTime) return observation.valueTime;
    const {valueRange: range, valueRatio: ratio} = observation;
    if (range) return `${quantity(range.low)} – ${quantity(range.high)}`;
    if (ratio) return `${quantity(ratio.numerator)} : ${quantity(ratio.denominator)}`;
    if (observation.component) return observation.component.map((one) => `${concept(one.code)} ${valueOf(one)}`).join(', ');
    return concept(observation.dataAbsentReason) || t('result.noValue');
}

function rangeOf(observation) {
    const range = observation.referenceRange?.[0];
    if (!range) return '';
    if (range.text) return range.text;
    if (range.low && range.high) return `${number(range.low.value)} – ${quantity(range.high)}`;
    if (range.low) return `≥ ${quantity(range.low)}`;
    return range.high ? `≤ ${quantity(range.high)}` : '';
}

/** {low, high} of the usual range as numbers, as far as it says so; laboratories often give it as text. */
export function boundsOf(observation) {
    const range = observation?.referenceRange?.[0];
    const bounds = {low: range?.low && Number(range.low.value), high: range?.high && Number(range.high.value)};
    const text = range?.text?.trim() ?? '';
    const [, low, high] = /^(-?\d+\.?\d*)\s*[-–]\s*(-?\d+\.?\d*)$/.exec(text) ?? [];
    const [, sign, one] = /^([<>≤≥])=?\s*(-?\d+\.?\d*)$/.exec(text) ?? [];
    if (low !== undefined) return {low: Number(low), high: Number(high)};
    if (one !== undefined) return '<≤'.includes(sign) ? {high: Number(one)} : {low: Number(one)};
    return bounds;
}

function flagOf(observation) {
    const code = observation.interpretation?.[0]?.coding?.[0]?.code;
    if (code === undefined) return concept(observation.interpretation);
    return known(`flag.${code}`) ? t(`flag.${code}`) : concept(observation.interpretation);
}

const isUnusual = (observation) => {
    const code = observation.interpretation?.[0]?.coding?.[0]?.code;
    return code !== undefined && code !== 'N';
};

function badge(status) {
    if (CORRECTED.has(status)) return h('span', {class: 'badge corrected'}, t('result.corrected'));
    if (status === 'cancelled') return h('span', {class: 'badge back'}, t('result.cancelled'));
    if (TAKEN_BACK.has(status)) return h('span', {class: 'badge back'}, t('result.takenBack'));
    if (status === 'preliminary' || status === 'partial') return h('span', {class: 'badge'}, t('result.preliminary'));
    if (status === 'registered') return h('span', {class: 'badge'}, t('result.registered'));
    return undefined;
}

// The address names an opaque id: a code would tell of an illness to whoever sees the browser's history.
const tokenOf = (observation) => {
    const coding = observation.code?.coding?.find((one) => one.code);
    return coding && `${coding.system ?? ''}|${coding.code}`;
};

// On a phone a row is a list of its cells, each with its heading.
const cell = (key, text, look) => h('td', {'data-label': t(key)}, text && h('span', {class: look}, text));

const valueCell = (observation) => h('td', {'data-label': t('result.value')},
    h('span', {class: 'value'}, TAKEN_BACK.has(observation.status) ? '–' : valueOf(observation)), ' ',
    badge(observation.status));

const headings = (...keys) => h('thead', {}, h('tr', {}, keys.map((key) => h('th', {scope: 'col'}, t(key)))));

function row(observation) {
    const name = concept(observation.code);
    const linked = tokenOf(observation) && observation.valueQuantity;
    const link = linked && h('a', {href: `#results/${observation.id}`, 'data-key': observation.id}, name);
    return h('tr', {class: isUnusual(observation) && 'unusual'},
             h('th', {scope: 'row'}, link || name),
             valueCell(observation),
             cell('result.range', rangeOf(observation)),
             cell('result.flag', flagOf(observation), 'flag'));
}

function reportCard(report, byReference) {
    const observations = (report.result ?? []).map((one) => byReference.get(one.reference)).filter(Boolean);
    const when = whenOf(report);
    const title = concept(report.code) || t('result.report');
    return h('li', {class: 'card'},
             h('h2', {}, title, ' ', badge(report.status)),
             h('p', {class: 'when'}, moment(when)),
             report.conclusion && h('p', {}, report.conclusion),
             observations.length > 0 && h('table', {}, h('caption', {class: 'spoken'}, `${title}, ${moment(when)}`),
                 headings('result.name', 'result.value', 'result.range', 'result.flag'),
                 h('tbody', {}, observations.map(row))));
}

function newsWords(report) {
    const name = concept(report.code) || t('result.report');
    if (report.status === 'cancelled') return t('result.saidCancelled', {name});
    if (TAKEN_BACK.has(report.status)) return t('result.saidTakenBack', {name});
    return t(CORRECTED.has(report.status) ? 'result.saidCorrected' : 'result.saidNew', {name});
}

const updatedAt = (report) => Date.parse(report.meta.lastUpdated);

/** What newsOf remembers of a list; `whole`: there are no more reports than these. */
export function seenIn(reports, whole, former) {
    return {
        versions: new Map(reports.map((one) => [one.id, one.meta.versionId])),
        places: whole ? Infinity : reports.length,
        newest: Math.max(former?.newest ?? -Infinity, ...reports.map(updatedAt))};
}

/** Words for each report that came or changed since `seen`; an older one that merely was not shown yet is no news. */
export function newsOf(reports, seen) {
    const came = (report, place) => place < seen.places && updatedAt(report) > seen.newest;
    const changed = (report) => seen.versions.get(report.id) !== report.meta.versionId;
    return reports.filter((one, place) => (seen.versions.has(one.id) ? changed(one) : came(one, place))).map(newsWords);
}

/** All reports. */
function overview({fhir, patient, shell}) {
    const list = h('ul', {class: 'list'}, h('li', {class: 'hint'}, t('loading')));
    const more = h('button', {type: 'button', hidden: true}, t('more'));
    const first = `DiagnosticReport?patient=${patient.id}&_sort=-date&_count=${PAGE}&_include=DiagnosticReport:result`;
    let pages = 1;
    let seen;

    more.addEventListener('click', () => { ++pages; view.refresh(); });

    async function load() {
        const reports = [], byReference = new Map();
        let next = first;
        for (let i = 0; i < pages && next; ++i) {
            const page = await fhir.page(next);
            reports.push(...page.matches);
            for (const one of page.included) byReference.set(`${one.resourceType}/${one.id}`, one);
            next = page.next;
        }
        return {reports, byReference, next};
    }

    const view = {
        title: t('nav.results'),
        topics: ['result'],
        content: h('div', {}, list, more),
        async refresh() {
            try {
                const {reports, byReference, next} = await load();
                for (const news of seen ? newsOf(reports, seen) : []) shell.say(news);
                seen = seenIn(reports, !next, seen);
                replace(list, reports.map((one) => reportCard(one, byReference)),
                        reports.length === 0 && h('li', {class: 'card'}, t('result.none')));
                more.hidden = !next;
            } catch (error) {
                if (!seen) replace(list, h('li', {}, problem(error)));
            }
        },
    };
    return view;
}

const unitOf = (observation) => observation?.valueQuantity?.unit ?? observation?.valueQuantity?.code ?? '';
const whenOf = (one) => one.effectiveDateTime ?? one.effectivePeriod?.start ?? one.issued;

/** One value over time: the newest unit as a plot, all of it as a table. */
function course({fhir, patient}, id) {
    const content = h('div', {}, h('p', {class: 'hint'}, t('loading')));
    let token;
    const back = h('p', {}, h('a', {href: '#results'}, t('result.back')));

    function show(observations, more) {
        const newest = observations[0];
        const name = concept(newest?.code);
        const unit = unitOf(newest);
        const points = observations.filter((one) => one.valueQuantity && unitOf(one) === unit)
            .map((one) => ({
                at: new Date(whenOf(one)), value: Number(one.valueQuantity.value), text: quantity(one.valueQuantity)}))
            .filter((point) => !Number.isNaN(point.at.getTime()) && !Number.isNaN(point.value)).reverse();
        replace(content, back, observations.length === 0 && h('p', {class: 'card'}, t('result.none')),
                points.length > 1 && h('figure', {class: 'card'}, plot(points, {
                    ...boundsOf(newest), unit,
                    label: t('result.plot', {name, count: points.length})}),
                    h('figcaption', {}, t('result.plotWords', {name, unit}))),
                observations.length > 0 && h('div', {class: 'card'}, h('table', {}, h('caption', {}, name),
                    headings('result.date', 'result.value', 'result.range', 'result.flag'),
                    h('tbody', {}, observations.map((one) => h('tr', {class: isUnusual(one) && 'unusual'},
                        h('th', {scope: 'row'}, moment(whenOf(one))),
                        valueCell(one),
                        cell('result.range', rangeOf(one)),
                        cell('result.flag', flagOf(one), 'flag'))))),
                    more && h('p', {class: 'hint'}, t('result.newestOnly', {count: VALUES_MAX}))));
    }

    return {
        title: t('result.course'),
        topics: ['result'],
        content,
        async refresh() {
            try {
                token ??= tokenOf(await fhir.get(`Observation/${encodeURIComponent(id)}`));
                const search = `patient=${patient.id}&code=${encodeURIComponent(token)}&_sort=-date&_count=${VALUES_MAX}`;
                const page = await fhir.page(`Observation?${search}`);
                show(page.matches.filter((one) => !TAKEN_BACK.has(one.status)), Boolean(page.next));
            } catch (error) {
                replace(content, back, problem(error));
            }
        },
    };
}

export const open = (context, [id]) => (id ? course(context, id) : overview(context));
