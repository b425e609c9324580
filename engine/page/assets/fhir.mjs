// Requests to the FHIR API with the patient's token: errors as words, 401 renewed once, 429 waited for.
import {LoginError} from './login.mjs';
import {t} from './words.mjs';

const PAGES_MAX = 10;
const WAITS_MAX = 4;
const WAIT_MS_MAX = 60_000;
const SERVER_DOWN = new Set([502, 503, 504]);

/** The server said no. `issues`: [{text, path}] of its OperationOutcome; `message` for people. */
export class Refused extends Error {
    constructor(status, outcome, challenge) {
        const issues = (outcome?.issue ?? []).map(
            (issue) => ({text: issue.details?.text ?? issue.diagnostics ?? '', path: issue.expression?.[0] ?? ''}));
        const said = issues.map((issue) => issue.text).filter(Boolean).join(' ');
        super(status >= 500 ? t('error.server') : said || t('error.refused', {status}));
        this.status = status;
        this.issues = issues;
        this.said = said;
        this.lacksScope = challenge?.includes('insufficient_scope') ?? false;
    }
}

/** Nobody answered. */
export class Unreachable extends Error {
    constructor() {
        super(t('error.offline'));
    }
}

/** What an error says to people. */
export const wordsFor = (error) => (error instanceof LoginError ? t(error.reason) : error.message);

// The digits as they were measured (1.50), where the browser tells them.
function keepDigits(key, value, context) {
    const plain = key !== 'value' || typeof value !== 'number' || !context?.source || context.source === String(value);
    return plain ? value : Object.assign(new Number(value), {toString: () => context.source});
}

const waitOf = (response, waits) => (Number(response.headers.get('Retry-After')) || waits + 1) * 1000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** `on`: {reachable(bool), waiting(seconds), ended()}, for the frame around the views. */
export function createFhir(base, login, on) {
    async function once(method, path, body, headers, token) {
        try {
            const response = await fetch(`${base}/${path}`, {
                method, body: body && JSON.stringify(body), cache: 'no-store', credentials: 'omit',
                headers: {
                    Accept: 'application/fhir+json', Authorization: `Bearer ${token}`,
                    ...(body && {'Content-Type': 'application/fhir+json'}), ...headers},
                signal: AbortSignal.timeout(30_000)});
            const text = await response.text();
            on.reachable(!SERVER_DOWN.has(response.status));
            return {response, content: text ? JSON.parse(text, keepDigits) : undefined};
        } catch {
            on.reachable(false);
            throw new Unreachable();
        }
    }

    async function tokenFor(stale) {
        try {
            return await login.token(stale);
        } catch (error) {
            if (error.reason === 'login.ended') on.ended();
            throw error;
        }
    }

    async function ask(method, path, body, headers) {
        let token = await tokenFor();
        let renewed = false;
        for (let waits = 0;;) {
            const {response, content} = await once(method, path, body, headers, token);
            if (response.ok) return content;
            if (response.status === 401 && !renewed) {
                renewed = true;
                token = await tokenFor(token);
            } else if (response.status === 429 && waits < WAITS_MAX && waitOf(response, waits) <= WAIT_MS_MAX) {
                const wait_ms = waitOf(response, waits);
                ++waits;
                on.waiting(Math.ceil(wait_ms / 1000));
                await pause(wait_ms);
                on.waiting(0);
            } else {
                if (response.status === 401) on.ended();
                throw new Refused(response.status, content, response.headers.get('WWW-Authenticate'));
            }
        }
    }

    const pathOf = (link) => link.slice(link.indexOf(base) + base.length + 1);
    const entries = (bundle, mode) =>
        (bundle.entry ?? []).filter((entry) => (entry.search?.mode ?? 'match') === mode).map((entry) => entry.resource);

    const saysIncomplete = (outcome) => outcome.issue?.some((issue) => issue.code === 'incomplete');

    return {
        get: (path) => ask('GET', path),
        post: (path, body, headers) => ask('POST', path, body, headers),
        remove: (path) => ask('DELETE', path),

        /**
         * One page: {matches, included, next, incomplete}; `next` is the path of the page after it, `incomplete` says
         * that an operation, which has no pages, left some out.
         */
        async page(path) {
            const bundle = await ask('GET', path);
            const next = bundle.link?.find((link) => link.relation === 'next')?.url;
            return {
                matches: entries(bundle, 'match'), included: entries(bundle, 'include'), next: next && pathOf(next),
                incomplete: entries(bundle, 'outcome').some(saysIncomplete)};
        },

        /** All pages, up to a limit: {matches, included, more}. */
        async search(path) {
            const all = {matches: [], included: [], more: false};
            for (let next = path, pages = 0; next; ++pages) {
                if (pages === PAGES_MAX) return {...all, more: true};
                const page = await this.page(next);
                all.matches.push(...page.matches);
                all.included.push(...page.included);
                next = page.next;
            }
            return all;
        },
    };
}

/** A Parameters resource of strings. */
export const parameters = (values) => ({
    resourceType: 'Parameters',
    parameter: Object.entries(values).filter(([, value]) => value).map(([name, value]) => ({name, valueString: value})),
});
