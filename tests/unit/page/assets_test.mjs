// Goal: the page asks what a questionnaire asks, finds mistakes before the server does, and has every text in every
// language. Method: the page's pure modules in node, with the shipped questionnaires.
import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import test from 'node:test';
import {fileURLToPath} from 'node:url';

// Modules of the page that ask the browser for its language do so when they are loaded.
globalThis.document = {documentElement: {}};
Object.defineProperty(globalThis, 'navigator', {value: {languages: ['en-US']}, configurable: true});
const root = new URL('../../../', import.meta.url);
const assets = new URL('engine/page/assets/', root);
const load = (name) => import(new URL(name, assets));
const {check, enabled, linkIdAt, toResponse, unknownTypes} = await load('questionnaire.mjs');
const {ticks} = await load('plot.mjs');
const {boundsOf, newsOf, seenIn, valueOf} = await load('results.mjs');
const {checkInWords, isAhead, mayCheckIn, stateOf, withWhom} = await load('appointments.mjs');
const {freeTimes} = await load('free_times.mjs');
const {createLogin} = await load('login.mjs');
const {createFhir, Refused} = await load('fhir.mjs');
const {readNumber} = await load('form.mjs');
const {t} = await load('words.mjs');
const words = {en: (await load('words_en.mjs')).default, de: (await load('words_de.mjs')).default};

const shipped = (name) => JSON.parse(readFileSync(new URL(`mappings/questionnaires/${name}.json`, root)));
const coding = (code) => [{valueCoding: {system: 'urn:carestream:answer', code}}];
const yes = [{valueBoolean: true}], no = [{valueBoolean: false}];

test('whom the clinic asks, and who typed it in, are nobody whom one sees', () => {
    const type = (code) => [{coding: [{code}]}];
    const appointment = {participant: [
        {actor: {reference: 'Patient/a', display: 'Ann'}}, {actor: {display: 'Dr Eve'}},
        {actor: {display: 'Front desk'}, type: type('CALLBCK')}, {actor: {display: 'A. Clerk'}, type: type('enterer')},
        {actor: {display: 'Dr Adam'}, type: type('SPRF')}]};
    assert.equal(withWhom(appointment, new Map()), 'Dr Eve, Dr Adam');
});

test('an item is asked while its condition holds, and what is not asked has no answer', () => {
    const wound = shipped('wound');
    const answers = new Map([['fluid', coding('blood')], ['dressing', yes], ['fever', no], ['temperature', [{valueDecimal: 39}]]]);
    assert.ok(enabled(wound, answers).has('dressing'));
    assert.ok(!enabled(wound, answers).has('temperature'));
    answers.set('fluid', coding('none'));
    const response = toResponse(wound, answers, {patient: 'p', authored: '2026-05-04T10:00:00Z'});
    assert.deepEqual(response.item.map((item) => item.linkId), ['fluid', 'fever']);
    assert.equal(response.questionnaire, 'urn:carestream:questionnaire:wound|1.0');
    assert.equal(response.author.reference, 'Patient/p');
});

test('conditions: every operator, and chains of them', () => {
    const ask = (operator, answer, given) => {
        const questionnaire = {item: [{linkId: 'a', type: 'integer'}, {linkId: 'b', type: 'boolean', enableWhen: [{question: 'a', operator, ...answer}]},
                                      {linkId: 'c', type: 'string', enableWhen: [{question: 'b', operator: 'exists', answerBoolean: true}]}]};
        return [...enabled(questionnaire, new Map([['b', yes], ...given]))].join('');
    };
    const five = [['a', [{valueInteger: 5}]]];
    for (const [operator, value, wanted] of [['=', 5, 'abc'], ['=', 4, 'a'], ['!=', 5, 'a'], ['!=', 4, 'abc'], ['>', 4, 'abc'], ['>', 5, 'a'],
                                             ['<', 6, 'abc'], ['<', 5, 'a'], ['>=', 5, 'abc'], ['<=', 4, 'a'], ['>=', 10, 'a']]) {
        assert.equal(ask(operator, {answerInteger: value}, five), wanted, `${operator} ${value}`);
    }
    assert.equal(ask('!=', {answerInteger: 5}, []), 'abc');
    assert.equal(ask('exists', {answerBoolean: false}, []), 'abc');
    assert.equal(ask('exists', {answerBoolean: false}, five), 'a');
    const either = {item: [{linkId: 'a', type: 'integer'}, {linkId: 'b', type: 'string', enableBehavior: 'any', enableWhen: [
        {question: 'a', operator: '=', answerInteger: 1}, {question: 'a', operator: '=', answerInteger: 5}]}]};
    assert.ok(enabled(either, new Map(five)).has('b'));
});

test('mistakes name the item and what is wrong, and only of what is asked', () => {
    const wound = shipped('wound');
    assert.deepEqual(check(wound, new Map()).map(({linkId, key}) => `${linkId} ${key}`),
                     ['redness', 'fluid', 'opening', 'fever'].map((linkId) => `${linkId} form.required`));
    const given = (temperature) => new Map([['redness', coding('none')], ['fluid', coding('none')], ['opening', no], ['fever', yes], ['temperature', [temperature]]]);
    assert.deepEqual(check(wound, given({valueDecimal: 46})), [{linkId: 'temperature', key: 'form.atMost', values: {most: 45}}]);
    assert.deepEqual(check(wound, given({valueDecimal: 29.9})), [{linkId: 'temperature', key: 'form.atLeast', values: {least: 30}}]);
    assert.deepEqual(check(wound, given({invalid: 'hot'})), [{linkId: 'temperature', key: 'form.invalid.decimal'}]);
    assert.deepEqual(check(wound, given({valueDecimal: 45})), []);
    const note = {item: [{linkId: 'n', type: 'string', maxLength: 3}]};
    assert.equal(check(note, new Map([['n', [{valueString: 'four'}]]]))[0].key, 'form.tooLong');
});

test('groups and items below answers keep their places, and the server\'s paths lead back', () => {
    const questionnaire = {url: 'u', item: [{linkId: 'g', type: 'group', item: [{linkId: 'a', type: 'string'}, {linkId: 'd', type: 'display'},
        {linkId: 'b', type: 'boolean', item: [{linkId: 'b1', type: 'string'}]}]}, {linkId: 'empty', type: 'group', item: [{linkId: 'z', type: 'string'}]}]};
    const response = toResponse(questionnaire, new Map([['b', yes], ['b1', [{valueString: 'x'}]]]), {patient: 'p', authored: 'now'});
    assert.deepEqual(response.item, [{linkId: 'g', text: undefined, item: [{linkId: 'b', text: undefined, answer: [
        {valueBoolean: true, item: [{linkId: 'b1', text: undefined, answer: [{valueString: 'x'}]}]}]}]}]);
    assert.equal(linkIdAt(response, 'QuestionnaireResponse.item[0].item[0].answer[0].item[0].answer[0].value'), 'b1');
    assert.equal(linkIdAt(response, 'QuestionnaireResponse.item[0].item[0].answer'), 'b');
    assert.equal(linkIdAt(response, 'QuestionnaireResponse.item[7]'), undefined);
    assert.equal(linkIdAt(response, 'QuestionnaireResponse.item'), undefined);
    assert.equal(linkIdAt(response, 'QuestionnaireResponse.subject'), undefined);
});

test('what is shipped can be asked; what cannot is known before', () => {
    for (const name of ['gad-7', 'pain', 'phq-9', 'post-operative', 'wound']) assert.deepEqual(unknownTypes(shipped(name)), [], name);
    assert.deepEqual(unknownTypes({item: [{linkId: 'a', type: 'attachment'}, {linkId: 'b', type: 'choice', answerValueSet: 'v'}]}), ['attachment', 'choice']);
});

test('numbers as people write them', () => {
    for (const [text, whole, wanted] of [['37,5', false, 37.5], [' 37.5 ', false, 37.5], ['-1', true, -1], ['1.5', true, undefined], ['1e5', false, undefined],
                                         ['hot', false, undefined], ['1.', false, undefined], ['1,2,3', false, undefined], ['9999999999', true, undefined]]) {
        assert.equal(readNumber(text, whole), wanted, text);
    }
});

test('the usual range is read as laboratories write it', () => {
    const bounds = (text) => boundsOf({referenceRange: [{text}]});
    assert.deepEqual(bounds('12.0-15.5'), {low: 12, high: 15.5});
    assert.deepEqual(bounds('-2 – 2'), {low: -2, high: 2});
    assert.deepEqual(bounds('< 5.0'), {high: 5});
    assert.deepEqual(bounds('>=60'), {low: 60});
    assert.deepEqual(bounds('negative'), {low: undefined, high: undefined});
    assert.deepEqual(boundsOf({referenceRange: [{low: {value: 1}, high: {value: 2}}]}), {low: 1, high: 2});
    assert.deepEqual(boundsOf(undefined), {low: undefined, high: undefined});
});

test('values of every type have words', () => {
    assert.equal(valueOf({valueQuantity: {value: 1.5, unit: 'g', comparator: '<'}}), '< 1.5 g');
    assert.equal(valueOf({valueQuantity: {value: 0, unit: 'g'}}), '0 g');
    assert.equal(valueOf({valueBoolean: false}), 'No');
    assert.equal(valueOf({valueInteger: 0}), '0');
    assert.equal(valueOf({valueCodeableConcept: {coding: [{code: 'x', display: 'Positive'}]}}), 'Positive');
    assert.equal(valueOf({component: [{code: {text: 'Systolic'}, valueQuantity: {value: 120, unit: 'mmHg'}}]}), 'Systolic 120 mmHg');
    assert.equal(valueOf({}), 'No value');
});

test('the ticks of a plot cover it', () => {
    for (const [low, high] of [[11.1, 15.5], [0, 1], [0.001, 0.004], [5, 5], [0, 0], [-3, 40], [98, 120000]]) {
        const lines = ticks(low, high);
        assert.ok(lines[0] <= low && lines.at(-1) >= high && lines.length >= 2 && lines.length <= 7, `${low} to ${high}: ${lines}`);
        assert.equal(new Set(lines).size, lines.length);
    }
});

test('the words for a booking say no more than is known', () => {
    const state = (status, code, more) => stateOf({status, extension: code && [{url: 'urn:carestream:booking-state', valueCode: code}], ...more});
    assert.equal(state('pending', 'pending').text, 'Asked for. The clinic has not answered yet.');
    assert.equal(state('pending', 'being-clarified').text, 'Being clarified');
    assert.equal(state('cancelled', 'cancelling').text, 'Being cancelled. The clinic has not confirmed it yet.');
    assert.equal(state('cancelled', 'being-clarified').text, 'Your cancellation is being clarified');
    assert.match(state('cancelled', 'being-clarified').detail, /may still expect you/);
    const refused = state('cancelled', 'compensated', {cancelationReason: {text: 'Full'}});
    assert.deepEqual([refused.text, refused.detail], ['Not accepted', 'Reason: Full']);
    assert.equal(state('cancelled').text, 'Cancelled by the clinic');
    assert.equal(state('booked', 'booked').text, 'Booked');
});

const inMinutes = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();

test('a cancellation that the clinic did not confirm stays among what comes up', () => {
    const ahead = (status, code, minutes = 60) => isAhead({status, start: inMinutes(minutes), end: inMinutes(minutes + 20), extension: [
        {url: 'urn:carestream:booking-state', valueCode: code}]});
    assert.ok(ahead('cancelled', 'being-clarified'));
    assert.ok(ahead('cancelled', 'cancelling'));
    assert.ok(!ahead('cancelled', 'cancelled'));
    assert.ok(!ahead('cancelled', 'compensated'));
    assert.ok(!ahead('cancelled', 'being-clarified', -60));
});

test('the check-in is offered an hour before, and a refusal tells the time on the reader\'s clock', () => {
    const offered = (minutes, status = 'booked') => mayCheckIn({status, start: inMinutes(minutes), end: inMinutes(minutes + 20)});
    assert.deepEqual([offered(61), offered(59), offered(-10), offered(-21), offered(30, 'arrived')], [false, true, true, false, false]);
    const refused = (status, diagnostics) => checkInWords(new Refused(status, {issue: [{diagnostics, expression: ['Appointment.start']}]}));
    const time = (at) => new Intl.DateTimeFormat('en-US', {hour: '2-digit', minute: '2-digit'}).format(at);
    const today = new Date(new Date().setHours(12, 30, 0, 0)), later = new Date(new Date(today).setDate(today.getDate() + 3));
    for (const at of [today.toISOString(), today.toISOString().replace('.000', '')]) {
        assert.equal(refused(422, `it is too early to check in: possible from ${at}`), `You can check in from ${time(today)}.`);
    }
    assert.match(refused(422, `possible from ${later.toISOString()}`), /^You can check in from \w+ \d+, \d{4}, 12:30\sPM\.$/);
    assert.equal(refused(422, 'it is too late to check in here'), 'You cannot check in here now. Please go to the front desk.');
    const broken = new Refused(500, {issue: [{diagnostics: `broke down at ${today.toISOString()}`}]});
    assert.match(checkInWords(broken), /cannot answer at the moment/);
    assert.equal(refused(404, 'no such appointment'), 'Here you check in at the desk.');
});

// Answers $find as the server does: the first `most` from `start` on, with an outcome when there are more.
function finderOf(slots, most, asked = []) {
    return {asked, page: async (path) => {
        const query = new URL(path, 'http://x/').searchParams;
        asked.push(query.get('start'));
        const all = slots.filter(({start}) => start >= query.get('start') && start < query.get('end'));
        const matches = all.slice(0, most).filter(({tooSoon}) => !tooSoon);
        return {matches, incomplete: all.length > most};
    }};
}

test('free times that one answer has no room for are asked for from its last start on', async () => {
    const at = (minutes) => new Date(Date.UTC(2026, 2, 2, 8, minutes)).toISOString();
    const slot = (id, minutes, more) => ({slot: [{reference: `Slot/${id}`}], start: at(minutes), ...more});
    const search = (fhir) => freeTimes(fhir, new Date(at(0)), new Date(at(60 * 24 * 14)));
    const ids = (times) => times.all.map((one) => one.slot[0].reference.slice(5)).join('');

    const busy = search(finderOf([slot('a', 0), slot('b', 10), slot('c', 10), slot('d', 20), slot('e', 30)], 2));
    await busy.more();
    assert.deepEqual([ids(busy), busy.complete], ['ab', false]);
    await busy.more();
    assert.deepEqual([ids(busy), busy.complete], ['abc', false]);
    while (!busy.complete) await busy.more();
    assert.equal(ids(busy), 'abcde');

    // More at one time than an answer takes: it goes on behind them.
    const crowded = search(finderOf([slot('a', 0), slot('b', 0), slot('c', 0), slot('d', 5)], 2));
    while (!crowded.complete) await crowded.more();
    assert.equal(ids(crowded), 'abd');

    // The server looked at times that cannot be booked any more, and at no other.
    const soon = search(finderOf([slot('x', 0, {tooSoon: true}), slot('y', 5, {tooSoon: true}), slot('a', 1800)], 1));
    await soon.more();
    assert.deepEqual([ids(soon), soon.complete], ['a', true]);

    const none = finderOf([], 2), nothing = search(none);
    await nothing.more();
    assert.deepEqual([ids(nothing), nothing.complete, none.asked.length], ['', true, 1]);
});

test('that an answer left something out is seen in it', async () => {
    const issue = (code) => ({resource: {resourceType: 'OperationOutcome', issue: [{severity: 'information', code}]}, search: {mode: 'outcome'}});
    const page = async (...entry) => {
        globalThis.fetch = async () => new Response(JSON.stringify({resourceType: 'Bundle', entry}));
        return createFhir('/fhir/r4', {token: async () => 't'}, {reachable() {}}).page('Appointment/$find');
    };
    assert.equal((await page(issue('incomplete'))).incomplete, true);
    assert.equal((await page(issue('not-found'))).incomplete, false);
    assert.deepEqual(await page(), {matches: [], included: [], next: undefined, incomplete: false});
});

test('only what came or changed is told as news, and what was taken back as that', () => {
    const report = (id, minute, more) => ({id, status: 'final', code: {text: `Report ${id}`}, ...more,
        meta: {versionId: '1', lastUpdated: `2026-03-02T08:${minute}:00.000Z`, ...more?.meta}});
    const changed = {meta: {versionId: '2'}};
    const first = [report('c', 20), report('b', 10)];
    const seen = seenIn(first, false);
    // "Show more": old ones below those that were shown, one of which was corrected lately.
    assert.deepEqual(newsOf([...first, report('a', '05'), report('z', 40, {status: 'corrected'})], seen), []);
    // One slips into the place of another that went.
    assert.deepEqual(newsOf([report('c', 20), report('a', '05')], seen), []);
    assert.deepEqual(newsOf([report('d', 30), ...first], seen), ['New result: Report d']);
    assert.deepEqual(newsOf([...first, report('d', 30)], seenIn(first, true)), ['New result: Report d']);
    assert.deepEqual(newsOf([report('d', 30)], seenIn([], true)), ['New result: Report d']);
    const told = (status) => newsOf([report('c', 30, {status, ...changed}), report('b', 10)], seen);
    assert.deepEqual(told('final'), ['New result: Report c']);
    assert.deepEqual(told('amended'), ['Corrected result: Report c']);
    assert.deepEqual(told('entered-in-error'), ['Result taken back: Report c']);
    assert.deepEqual(told('cancelled'), ['Result cancelled: Report c']);
    // The newest that was ever seen counts, though it is gone.
    assert.deepEqual(newsOf([report('a', 15), report('b', 10)], seenIn([report('b', 10)], false, seen)), []);
});

test('a token that comes after the log-out is not kept', async () => {
    const kept = new Map([['carestream.tokens', JSON.stringify({access: 'old', refresh: 'once', ends: 0})]]);
    globalThis.sessionStorage = {getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key)};
    const left = [];
    globalThis.location = {href: 'https://care.example/app/', assign: (url) => left.push(String(url))};
    let answer, asked;
    const reached = new Promise((resolve) => { asked = resolve; });
    const json = (body) => new Response(JSON.stringify(body));
    globalThis.fetch = (url) => {
        if (url.endsWith('openid-configuration')) return Promise.resolve(json({issuer: 'https://id.example', token_endpoint: 'https://id.example/token'}));
        asked();
        return new Promise((resolve) => { answer = () => resolve(json({access_token: 'new', refresh_token: 'next', expires_in: 300})); });
    };
    const login = createLogin({issuer: 'https://id.example', client_id: 'page'});
    const renewed = assert.rejects(login.token(), {reason: 'login.ended'});
    await reached;
    await login.end();
    answer();
    await renewed;
    assert.deepEqual([login.active, kept.size, left], [false, 0, ['https://care.example/app/']]);
    await assert.rejects(login.token(), {reason: 'login.ended'});
});

test('every language has every text, with the same values in it', () => {
    const values = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
    assert.deepEqual(Object.keys(words.de).sort(), Object.keys(words.en).sort());
    for (const [key, text] of Object.entries(words.en)) {
        assert.deepEqual(values(words.de[key]), values(text), key);
        assert.equal(words.de[key].includes('|'), text.includes('|'), key);
    }
    assert.equal(t('find.count', {count: 1}), '1 free time');
    assert.equal(t('find.count', {count: 2}), '2 free times');
    const folder = fileURLToPath(assets);
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.mjs') && !one.startsWith('words_'))) {
        for (const [, key] of readFileSync(folder + name, 'utf8').matchAll(/\bt\('([\w.]+)'/g)) assert.ok(key in words.en, `${name}: ${key}`);
    }
});
