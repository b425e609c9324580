// A Questionnaire and the answers to it, without a page: which items are asked now, what is wrong with the
// answers, the QuestionnaireResponse. Source: FHIR R4 Questionnaire, enableWhen and required.

const EXTENSION = 'http://hl7.org/fhir/StructureDefinition/';
const ASKED = new Set(['boolean', 'integer', 'decimal', 'quantity', 'date', 'dateTime', 'time', 'string', 'text', 'choice',
                       'open-choice']);
const SHOWN = new Set([...ASKED, 'display', 'group']);

export const isAsked = (item) => ASKED.has(item.type);

/** Every item with those below it, in order. */
export function* items(parent) {
    for (const item of parent.item ?? []) {
        yield item;
        yield* items(item);
    }
}

/** Types that this page cannot ask for. */
export const unknownTypes = (questionnaire) =>
    [...new Set([...items(questionnaire)].filter((item) =>
        !SHOWN.has(item.type) || item.answerValueSet || (item.type === 'group' && item.repeats)).map((item) => item.type))];

/** A bound or option of an item: minValue, maxValue, questionnaire-unit. */
export function setting(item, name) {
    const found = item.extension?.find((one) => one.url === EXTENSION + name);
    const key = found && Object.keys(found).find((one) => one.startsWith('value'));
    return found?.[key];
}

const plain = (answer) => Object.values(answer)[0];

function isSame(answer, expected) {
    const [a, b] = [plain(answer), plain(expected)];
    if (a?.code !== undefined || b?.code !== undefined) return a?.code === b?.code && (!b?.system || a?.system === b.system);
    return String(a?.value ?? a) === String(b?.value ?? b);
}

function compare(answer, operator, expected) {
    if (operator === '=') return isSame(answer, expected);
    const [a, b] = [plain(answer), plain(expected)].map((one) => one?.value ?? one);
    const [left, right] = typeof b === 'string' ? [String(a), b] : [Number(a), Number(b)];
    switch (operator) {
        case '>': return left > right;
        case '<': return left < right;
        case '>=': return left >= right;
        case '<=': return left <= right;
        default: return false;
    }
}

function holds(condition, answers) {
    const given = answers.get(condition.question) ?? [];
    const [key] = Object.keys(condition).filter((name) => name.startsWith('answer'));
    if (condition.operator === 'exists') return (given.length > 0) === condition.answerBoolean;
    const expected = {value: condition[key]};
    if (condition.operator === '!=') return !given.some((answer) => isSame(answer, expected));
    return given.some((answer) => compare(answer, condition.operator, expected));
}

/** The linkIds that are asked, by `answers`: Map linkId -> [{valueInteger: 3}, ...]. */
export function enabled(questionnaire, answers) {
    const on = new Set();
    const known = new Map();  // what is not asked has no answer
    const visit = (parent) => {
        for (const item of parent.item ?? []) {
            const conditions = item.enableWhen ?? [];
            const any = item.enableBehavior === 'any';
            const met = conditions.length === 0 ||
                        (any ? conditions.some((one) => holds(one, known)) : conditions.every((one) => holds(one, known)));
            if (!met) continue;
            on.add(item.linkId);
            if (answers.has(item.linkId)) known.set(item.linkId, answers.get(item.linkId));
            visit(item);
        }
    };
    visit(questionnaire);
    return on;
}

function mistake(item, given) {
    if (given.length === 0) return item.required ? {key: 'form.required'} : undefined;
    const least = setting(item, 'minValue'), most = setting(item, 'maxValue');
    for (const answer of given) {
        const value = plain(answer)?.value ?? plain(answer);
        if (answer.invalid !== undefined) return {key: `form.invalid.${item.type}`};
        if (least !== undefined && value < least) return {key: 'form.atLeast', values: {least}};
        if (most !== undefined && value > most) return {key: 'form.atMost', values: {most}};
        const long = item.maxLength && String(value).length > item.maxLength;
        if (long) return {key: 'form.tooLong', values: {most: item.maxLength}};
    }
    return undefined;
}

/** What is wrong: [{linkId, key, values}], in the order of the items. */
export function check(questionnaire, answers) {
    const on = enabled(questionnaire, answers);
    return [...items(questionnaire)].filter((item) => isAsked(item) && on.has(item.linkId)).flatMap((item) => {
        const wrong = mistake(item, answers.get(item.linkId) ?? []);
        return wrong ? [{linkId: item.linkId, ...wrong}] : [];
    });
}

/** The response; items that are not asked, or have no answer, are not in it. */
export function toResponse(questionnaire, answers, {patient, authored}) {
    const on = enabled(questionnaire, answers);
    const below = (parent) => (parent.item ?? []).flatMap((item) => {
        if (!on.has(item.linkId) || item.type === 'display') return [];
        const inner = below(item);
        if (item.type === 'group') return inner.length ? [{linkId: item.linkId, text: item.text, item: inner}] : [];
        const given = (answers.get(item.linkId) ?? []).map((answer) => ({...answer}));
        if (given.length === 0) return [];
        if (inner.length) given[0].item = inner;
        return [{linkId: item.linkId, text: item.text, answer: given}];
    });
    const reference = {reference: `Patient/${patient}`};
    return {
        resourceType: 'QuestionnaireResponse', status: 'completed', authored, subject: reference, author: reference,
        questionnaire: questionnaire.version ? `${questionnaire.url}|${questionnaire.version}` : questionnaire.url,
        item: below(questionnaire),
    };
}

/** The linkId that a path of an error leads to: "QuestionnaireResponse.item[1].answer[0].value". None of a whole list. */
export function linkIdAt(response, path) {
    let node = response, found;
    for (const [, name, index] of path.matchAll(/\.(item|answer)\[(\d+)\]/g)) {
        node = node?.[name]?.[Number(index)];
        found = node?.linkId ?? found;
    }
    return found;
}
