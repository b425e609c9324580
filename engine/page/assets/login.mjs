// Log-in at the provider of the configuration: authorization code with PKCE, state and nonce, refresh with
// rotation, log-out. Source: RFC 6749 4.1 and 6, RFC 7636, RFC 9207, OpenID Connect Core 3.1, RP-Initiated
// Logout 1.0, RFC 7009. Tokens are in sessionStorage: they end with the tab.

const ATTEMPT = 'carestream.attempt';
const TOKENS = 'carestream.tokens';
const EARLY_MS = 30_000;  // a token is renewed before it runs out

/** The log-in cannot go on; `reason` is the key of a text. */
export class LoginError extends Error {
    constructor(reason) {
        super(reason);
        this.reason = reason;
    }
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challengeOf(verifier) {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    return base64url(new Uint8Array(hash));
}

function claimsOf(jwt) {
    const bytes = Uint8Array.from(atob(jwt.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
}

function stored(key) {
    const text = sessionStorage.getItem(key);
    return text === null ? undefined : JSON.parse(text);
}

/** `config` is /app/config.json. */
export function createLogin(config) {
    const redirect = new URL('.', location.href).href;
    let endpoints;
    let tokens = stored(TOKENS);
    let renewal;  // one at a time: a refresh token is good once

    async function discover() {
        if (endpoints) return endpoints;
        const answer = await request(`${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {});
        if (answer.body?.issuer !== config.issuer) throw new LoginError('login.provider');
        endpoints = answer.body;
        return endpoints;
    }

    async function request(url, init) {
        let response;
        try {
            response = await fetch(url, {
                ...init, credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
                signal: AbortSignal.timeout(20_000)});
        } catch {
            throw new LoginError('login.unreachable');
        }
        return {ok: response.ok, status: response.status, body: await response.json().catch(() => undefined)};
    }

    const post = (url, form) =>
        request(url, {method: 'POST', body: new URLSearchParams({...form, client_id: config.client_id})});

    function keep(answer, former) {
        tokens = {
            access: answer.access_token,
            refresh: answer.refresh_token ?? former?.refresh,
            id: answer.id_token ?? former?.id,
            ends: Date.now() + (answer.expires_in ?? 300) * 1000,
        };
        sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
    }

    function forget() {
        tokens = undefined;
        sessionStorage.removeItem(TOKENS);
    }

    // What comes after the log-out is dropped: kept, it would log the next person in.
    function assertStands(former) {
        if (tokens !== former) throw new LoginError('login.ended');
    }

    async function renew() {
        const former = tokens;
        if (!former.refresh) {
            forget();
            throw new LoginError('login.ended');
        }
        const {token_endpoint} = await discover();
        assertStands(former);
        const answer = await post(token_endpoint, {grant_type: 'refresh_token', refresh_token: former.refresh});
        assertStands(former);
        if (answer.ok) return keep(answer.body, former);
        if (answer.status >= 500 || answer.status === 429) throw new LoginError('login.unreachable');
        forget();
        throw new LoginError('login.ended');
    }

    async function redeem(code, attempt) {
        const {token_endpoint} = await discover();
        const answer = await post(token_endpoint, {
            grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: attempt.verifier});
        if (!answer.ok) throw new LoginError('login.failed');
        if (attempt.openid) {
            const claims = claimsOf(answer.body.id_token);
            const ours = claims.nonce === attempt.nonce && claims.iss === config.issuer &&
                         [claims.aud].flat().includes(config.client_id);
            if (!ours) throw new LoginError('login.failed');
        }
        keep(answer.body);
    }

    return {
        get active() {
            return tokens !== undefined;
        },

        /** Leaves the page. */
        async start() {
            const {authorization_endpoint} = await discover();
            const attempt = {
                verifier: random(), state: random(), nonce: random(), view: location.hash,
                openid: config.scope.split(' ').includes('openid')};
            sessionStorage.setItem(ATTEMPT, JSON.stringify(attempt));
            const url = new URL(authorization_endpoint);
            for (const [name, value] of Object.entries({
                     response_type: 'code', client_id: config.client_id, redirect_uri: redirect, scope: config.scope,
                     state: attempt.state, nonce: attempt.nonce, aud: new URL(config.fhir, location.href).href,
                     code_challenge: await challengeOf(attempt.verifier), code_challenge_method: 'S256'})) {
                url.searchParams.set(name, value);
            }
            location.assign(url);
        },

        /** After the provider sent the browser back: takes the answer out of the address and redeems it. */
        async finish() {
            const answer = new URLSearchParams(location.search);
            if (!answer.has('state')) return;
            const attempt = stored(ATTEMPT);
            sessionStorage.removeItem(ATTEMPT);
            history.replaceState(null, '', location.pathname + (attempt?.view || location.hash));
            // An answer that nobody here asked for is somebody else's: a reload, or an attack.
            if (attempt?.state !== answer.get('state')) throw new LoginError('login.again');
            if (answer.has('iss') && answer.get('iss') !== config.issuer) throw new LoginError('login.failed');
            if (!answer.has('code')) throw new LoginError('login.refused');
            await redeem(answer.get('code'), attempt);
        },

        /** An access token that is good for a while. With `stale` one that is another than that. */
        async token(stale) {
            if (!tokens) throw new LoginError('login.ended');
            if (Date.now() > tokens.ends - EARLY_MS || (stale && tokens.access === stale)) {
                renewal ??= renew().finally(() => { renewal = undefined; });
                await renewal;
            }
            if (!tokens) throw new LoginError('login.ended');
            return tokens.access;
        },

        /** Ends the log-in here and at the provider. Leaves the page. */
        async end() {
            const {refresh, id} = tokens ?? {};
            forget();
            const known = await discover().catch(() => ({}));
            if (refresh && known.revocation_endpoint) {
                await post(known.revocation_endpoint, {token: refresh, token_type_hint: 'refresh_token'}).catch(() => {});
            }
            if (!known.end_session_endpoint || !id) return location.assign(redirect);
            const url = new URL(known.end_session_endpoint);
            url.searchParams.set('id_token_hint', id);
            url.searchParams.set('client_id', config.client_id);
            url.searchParams.set('post_logout_redirect_uri', redirect);
            location.assign(url);
        },
    };
}
