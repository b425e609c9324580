// Dates, times and numbers as people in this language write them; concepts and references as text.
import {language, t} from './words.mjs';

const formatter = (options) => new Intl.DateTimeFormat(language(), options);
const DAY = {weekday: 'long', day: 'numeric', month: 'long', year: 'numeric'};
const SHORT_DAY = {day: 'numeric', month: 'short', year: 'numeric'};
const TIME = {hour: '2-digit', minute: '2-digit'};

/** A FHIR date, dateTime or instant; a date without a time is meant in the reader's own zone. */
export function dateOf(text) {
    const [year, month = 1, day = 1] = text.slice(0, 10).split('-').map(Number);
    return text.length > 10 ? new Date(text) : new Date(year, month - 1, day);
}

export const day = (text) => (text ? formatter(DAY).format(dateOf(text)) : '');
export const shortDay = (text) => (text ? formatter(SHORT_DAY).format(dateOf(text)) : '');
export const time = (text) => (text ? formatter(TIME).format(dateOf(text)) : '');

/** With the time of day where there is one. */
export const moment = (text) => (text?.length > 10 ? `${shortDay(text)}, ${time(text)}` : shortDay(text));

/** The time of day; with the day, unless it is today. */
export const clock = (text) => (dateOf(text).toDateString() === new Date().toDateString() ? time(text) : moment(text));

/** "Monday, 4 May 2026, 09:00 - 09:20" */
export function span(start, end) {
    if (!start) return t('time.unknown');
    return `${day(start)}, ${time(start)}${end ? ` – ${time(end)}` : ''}`;
}

/** The digits as they were measured: 1.50 stays 1.50. */
export function number(value) {
    return String(value).replace('.', new Intl.NumberFormat(language()).format(1.5).charAt(1));
}

export const extension = (node, url) => node?.extension?.find((one) => one.url === url);

/** The words of a CodeableConcept or of the first of several. */
export function concept(value) {
    const one = Array.isArray(value) ? value[0] : value;
    return one?.text ?? one?.coding?.find((coding) => coding.display)?.display ?? one?.coding?.[0]?.code ?? '';
}

export const hasCode = (value, system, code) =>
    [value].flat().some((one) => one?.coding?.some((coding) => coding.system === system && coding.code === code));

export function quantity(value) {
    if (value?.value === undefined) return '';
    return [value.comparator, number(value.value), value.unit ?? value.code].filter(Boolean).join(' ');
}
