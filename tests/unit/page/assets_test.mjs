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
const {boundsOf, valueOf} = await load('results.mjs');
const {stateOf} = await load('appointments.mjs');
const {readNumber} = await load('form.mjs');
const {t} = await load('words.mjs');
const words = {en: (await load('words_en.mjs')).default, de: (await load('words_de.mjs')).default};

const shipped = (name) => JSON.parse(readFileSync(new URL(`mappings/questionnaires/${name}.json`, root)));
const coding = (code) => [{valueCoding: {system: 'urn:carestream:answer', code}}];
const yes = [{valueBoolean: true}], no = [{valueBoolean: false}];

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
    assert.equal(state('cancelled', 'being-clarified').text, 'Being clarified');
    const refused = state('cancelled', 'compensated', {cancelationReason: {text: 'Full'}});
    assert.deepEqual([refused.text, refused.detail], ['Not accepted', 'Reason: Full']);
    assert.equal(state('cancelled').text, 'Cancelled by the clinic');
    assert.equal(state('booked', 'booked').text, 'Booked');
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
