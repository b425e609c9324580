// A real OpenID Connect provider for tests and demonstrations: authorise with PKCE, refresh, and SMART
// Backend Services (client_credentials with private_key_jwt). Log-ins are names of the configuration, any
// password does, and consent is given without asking: nothing here protects anything.
//
//   node provider.mjs --config provider.json
//
// provider.json (the accounts are read again at each log-in, the rest at the start):
//   {"port": 9400,                                   absent or 0: any
//    "tls": {"certificate": "a.pem", "key": "b.pem"},   absent: http; on loopback alone
//    "audience": "http://127.0.0.1:8080/fhir/r4",    of access tokens
//    "other_audiences": ["urn:other"],               taken when asked for (`resource`)
//    "access_token_seconds": 300,
//    "accounts": [{"login": "ann", "name": "Ann Example", "patient": "id, or absent"}],
//    "public_clients": [{"client_id": "page", "redirect_uris": ["http://127.0.0.1:8080/app/"]}],
//    "backend_clients": [{"client_id": "lab", "jwks": {"keys": [...]}, "scope": "system/Observation.rs"}]}
//
// Says `ready <issuer>` once it listens; at SIGHUP signs with a new key and says `key <kid>`.
import {randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import {parseArgs} from 'node:util';
import {exportJWK, generateKeyPair} from 'jose';
import Provider from 'oidc-provider';

const BODY_BYTES_MAX = 16384;
const TYPES = [
    '*', 'Patient', 'Observation', 'DiagnosticReport', 'Appointment', 'Slot', 'Schedule', 'Encounter', 'Questionnaire',
    'QuestionnaireResponse', 'Task', 'Flag', 'Subscription', 'Practitioner', 'Location', 'Organization',
];
// Every combination of create, read, update, delete and search, in that order, and the words of version 1.
const ACTIONS = Array.from({length: 31}, (_, i) => [...'cruds'].filter((_, bit) => (i + 1) & (1 << bit)).join(''))
    .concat('read', 'write', '*');
const PATIENT_SCOPES =
    ['launch/patient', 'fhirUser', ...TYPES.flatMap((type) => ACTIONS.map((action) => `patient/${type}.${action}`))];

console.info = console.warn;  // the library's remarks: stdout is for ours
const {values: {config: file}} = parseArgs({options: {config: {type: 'string'}}});
if (!file) {
    console.error('usage: provider.mjs --config FILE');
    process.exit(2);
}
const read = () => JSON.parse(readFileSync(file, 'utf8'));
const config = read();
const accountOf = (login) => read().accounts?.find((account) => account.login === login);

async function newKey() {
    const {privateKey} = await generateKeyPair('ES384', {extractable: true});
    return {...await exportJWK(privateKey), use: 'sig', alg: 'ES384', kid: randomBytes(8).toString('hex')};
}

function clients() {
    return [
        ...(config.public_clients ?? []).map(({client_id, redirect_uris}) => ({
            client_id,
            redirect_uris,
            post_logout_redirect_uris: redirect_uris,
            token_endpoint_auth_method: 'none',
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
        })),
        ...(config.backend_clients ?? []).map(({client_id, jwks, scope}) => ({
            client_id,
            jwks,
            backend_scope: scope,
            redirect_uris: [],
            token_endpoint_auth_method: 'private_key_jwt',
            grant_types: ['client_credentials'],
            response_types: [],
        })),
    ];
}

// The grant that an existing session holds, or one for all that is asked: consent is no subject here.
async function grantAll(ctx) {
    const {client, session, provider, params} = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    const grant = known ? await provider.Grant.find(known) :
                          new provider.Grant({accountId: session.accountId, clientId: client.clientId});
    if (!grant) return undefined;
    grant.addOIDCScope(params.scope);
    for (const resource of Object.keys(ctx.oidc.resourceServers ?? {})) grant.addResourceScope(resource, params.scope);
    await grant.save();
    return grant;
}

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function page(title, body) {
    return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title>
<style>body{font:1rem/1.5 sans-serif;max-width:22rem;margin:3rem auto;padding:0 1rem;color:#1b2a33}
input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;margin:.2rem 0 1rem;border:1px solid #66757f;
border-radius:.4rem}button{background:#0b5c7a;color:#fff;border:0}</style></head>
<body><main><h1>${escape(title)}</h1>${body}</main></body></html>`;
}

function loginPage(uid, refused) {
    const said = refused ? '<p role="alert">There is no such account here.</p>' : '';
    return page('Log in', `${said}<form method="post" action="/interaction/${encodeURIComponent(uid)}">
<label>User name<input name="login" autocomplete="username" autofocus required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button></form>`);
}

function configuration(keys, cookieKey) {
    const audiences = [config.audience, ...(config.other_audiences ?? [])];
    const ttl = config.access_token_seconds ?? 300;
    return {
        clients: clients(),
        jwks: {keys},
        cookies: {keys: [cookieKey]},
        pkce: {methods: ['S256'], required: () => true},
        scopes: ['openid', 'offline_access'],
        claims: {openid: ['sub'], profile: ['name']},
        clientAuthMethods: ['none', 'private_key_jwt'],
        clientDefaults: {id_token_signed_response_alg: 'ES384'},
        enabledJWA: {idTokenSigningAlgValues: ['ES384'], clientAuthSigningAlgValues: ['ES384', 'RS384']},
        extraClientMetadata: {properties: ['backend_scope']},
        extraParams: ['aud'],  // SMART App Launch 2.0; the default resource says the same
        ttl: {AccessToken: ttl, ClientCredentials: ttl, Session: 3600, Interaction: 3600, Grant: 86400, RefreshToken: 86400},
        issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
        rotateRefreshToken: true,
        loadExistingGrant: grantAll,
        clientBasedCORS: (ctx, origin, client) => client.redirectUris.some((uri) => new URL(uri).origin === origin),
        findAccount: (ctx, login) => {
            const account = accountOf(login);
            return account && {accountId: login, claims: () => ({sub: login, name: account.name})};
        },
        extraTokenClaims: (ctx, token) => {
            const patient = token.accountId && accountOf(token.accountId)?.patient;
            return patient ? {patient} : undefined;
        },
        interactions: {url: (ctx, {uid}) => `/interaction/${uid}`},
        features: {
            devInteractions: {enabled: false},
            clientCredentials: {enabled: true},
            revocation: {enabled: true},
            resourceIndicators: {
                enabled: true,
                defaultResource: (ctx, client, asked) => asked ?? config.audience,
                useGrantedResource: () => true,
                getResourceServerInfo: (ctx, resource, client) => {
                    if (!audiences.includes(resource)) throw new Error(`no such audience: ${resource}`);
                    return {
                        audience: resource,
                        scope: client.backend_scope ?? PATIENT_SCOPES.join(' '),
                        accessTokenFormat: 'jwt',
                        jwt: {sign: {alg: 'ES384'}},
                    };
                },
            },
            rpInitiatedLogout: {
                logoutSource: (ctx, form) => {
                    ctx.body = page('Log out', `${form}<button name="logout" value="yes" form="op.logoutForm">Log out</button>`);
                },
            },
        },
    };
}

async function bodyOf(request) {
    let text = '';
    for await (const piece of request) {
        text += piece;
        if (text.length > BODY_BYTES_MAX) throw new Error('the form is too large');
    }
    return new URLSearchParams(text);
}

async function interact(provider, request, response) {
    const {uid, prompt} = await provider.interactionDetails(request, response);
    if (prompt.name !== 'login') throw new Error(`nobody can answer the prompt ${prompt.name} here`);
    const form = request.method === 'POST' ? await bodyOf(request) : undefined;
    const login = form?.get('login') ?? '';
    if (form?.get('password') && accountOf(login)) {
        return provider.interactionFinished(request, response, {login: {accountId: login}});
    }
    response.writeHead(200, {'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store'});
    response.end(loginPage(uid, form !== undefined));
}

const cookieKey = randomBytes(32).toString('hex');
const {tls} = config;
const server = tls ? https.createServer({cert: readFileSync(tls.certificate), key: readFileSync(tls.key)}) :
                     http.createServer();
await new Promise((resolve) => server.listen(config.port ?? 0, '127.0.0.1', resolve));
const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;

// Sessions and grants are kept by the module, so that they outlive a provider with other keys.
let keys = [await newKey()];
let provider = new Provider(issuer, configuration(keys, cookieKey));
process.on('SIGHUP', async () => {
    keys = [await newKey(), keys[0]];
    provider = new Provider(issuer, configuration(keys, cookieKey));
    console.log(`key ${keys[0].kid}`);
});
server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) return provider.callback()(request, response);
    interact(provider, request, response).catch((error) => {
        response.writeHead(400, {'Content-Type': 'text/plain; charset=utf-8'});
        response.end(error.error_description ?? error.message);
    });
});
process.on('SIGTERM', () => process.exit(0));
console.log(`ready ${issuer}`);
