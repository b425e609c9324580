// Every text of the page, once a language: words_en.mjs is the measure, others fall back to it.
import de from './words_de.mjs';
import en from './words_en.mjs';

const languages = {en, de};
let chosen = navigator.languages?.map((tag) => tag.slice(0, 2)).find((tag) => tag in languages) ?? 'en';

/** Of dates and numbers: with the region, when the browser names one of the same language. */
export const language = () => navigator.languages?.find((tag) => tag.startsWith(chosen)) ?? chosen;

document.documentElement.lang = chosen;

/** t('waiting.ahead', {count: 3}); a text with `|` has a singular before it and a plural behind it, by `count`. */
export function t(key, values = {}) {
    let text = languages[chosen][key] ?? en[key];
    if (text === undefined) throw new Error(`no text: ${key}`);
    if (text.includes('|')) text = text.split('|')[values.count === 1 ? 0 : 1];
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Whether there is such a text: for codes that may be unknown here. */
export const known = (key) => key in en;
