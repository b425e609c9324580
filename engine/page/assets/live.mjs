// What changes on the server, as it happens: one Subscription for each topic, all bound to one websocket
// (Subscriptions R5 Backport for R4). While the socket is closed, the views ask every 15 s.

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-';
const KEPT = 'carestream.subscriptions';
const POLL_MS = 15_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
const LIFETIME_MS = 24 * 3_600_000;  // then the server ends it, if this tab never came to
const TOGETHER_MS = 250;             // changes that come together are one
const HEARTBEAT_S = 60;
const SILENT_MS_MAX = 150_000;       // a socket that says nothing for so long leads nowhere

/** The views' topics, and the type that each is about. */
export const TOPICS = {
    appointment: 'Appointment', booking: 'Appointment', result: 'DiagnosticReport',
    'report-delivery': 'Task', 'waiting-room': 'Encounter'};

function subscriptionTo(topic, patient) {
    return {
        resourceType: 'Subscription', status: 'requested', reason: 'patient page',
        criteria: `urn:carestream:topic:${topic}`, end: new Date(Date.now() + LIFETIME_MS).toISOString(),
        _criteria: {extension: [
            {url: `${BACKPORT}filter-criteria`, valueString: `${TOPICS[topic]}?patient=Patient/${patient}`}]},
        channel: {
            type: 'websocket', payload: 'application/fhir+json',
            extension: [{url: `${BACKPORT}heartbeat-period`, valueUnsignedInt: HEARTBEAT_S}],
            _payload: {extension: [{url: `${BACKPORT}payload-content`, valueCode: 'empty'}]}},
    };
}

const valueOf = (parameters, name) => {
    const one = parameters?.parameter?.find((parameter) => parameter.name === name);
    return one && (one.valueString ?? one.valueCode ?? one.valueUrl ?? one.valueReference?.reference);
};

/** `on`: {changed(Set of topics), live(bool)}. */
export function createLive(fhir, patient, on) {
    const ids = new Map(Object.entries(kept()));
    const absent = new Set();  // topics that the server does not have, or not for this token: left to polling
    const waiting = new Set();
    let socket, retry, settle, poll;
    let failures = 0, heard = 0;
    let connecting = false, stopped = false;

    function kept() {
        const all = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
        return all.patient === patient ? all.ids : {};
    }

    function keep() {
        sessionStorage.setItem(KEPT, JSON.stringify({patient, ids: Object.fromEntries(ids)}));
    }

    function change(topics) {
        for (const topic of topics) waiting.add(topic);
        settle ??= setTimeout(() => {
            settle = undefined;
            const topicsNow = new Set(waiting);
            waiting.clear();
            if (!stopped) on.changed(topicsNow);
        }, TOGETHER_MS);
    }

    async function subscribe() {
        for (const topic of Object.keys(TOPICS)) {
            if (stopped) return;
            if (ids.has(topic) || absent.has(topic)) continue;
            try {
                const made = await fhir.post('Subscription', subscriptionTo(topic, patient));
                ids.set(topic, made.id);
                keep();
            } catch (error) {
                if (![400, 403, 422].includes(error.status)) throw error;
                absent.add(topic);
            }
        }
    }

    async function bindingToken() {
        await subscribe();
        if (ids.size === 0) return undefined;
        const query = [...ids.values()].map((id) => `id=${encodeURIComponent(id)}`).join('&');
        try {
            return await fhir.get(`Subscription/$get-ws-binding-token?${query}`);
        } catch (error) {
            // One of them ended: all are made anew. (One that was just made is bound at the next attempt.)
            if (failures > 1 && error.status >= 400 && error.status < 500) await removeAll();
            throw error;
        }
    }

    async function removeAll() {
        const gone = [...ids.values()];
        ids.clear();
        keep();
        await Promise.all(gone.map((id) => fhir.remove(`Subscription/${id}`).catch(() => {})));
    }

    function hear(text) {
        let bundle;
        try {
            bundle = JSON.parse(text);
        } catch {
            return;  // "bound ..." and "ping ..." are words for clients of R4's own subscriptions
        }
        heard = Date.now();
        const status = bundle.entry?.[0]?.resource;
        const id = valueOf(status, 'subscription')?.split('/').pop();
        const topic = [...ids].find(([, own]) => own === id)?.[0];
        const type = valueOf(status, 'type');
        if (!topic || type === 'heartbeat') return;
        if (type === 'handshake') {
            failures = 0;
            on.live(true);
        }
        // After a handshake, too: something may have happened before it.
        change([topic]);
    }

    async function connect() {
        if (stopped || socket || connecting) return;
        clearTimeout(retry);
        connecting = true;
        try {
            const answer = await bindingToken();
            if (!answer) return on.live(false);
            if (stopped) return;
            const url = new URL(new URL(valueOf(answer, 'websocket-url')).pathname, location.href);
            url.protocol = location.protocol.replace('http', 'ws');
            socket = new WebSocket(url);
            const token = valueOf(answer, 'token');
            socket.onopen = () => socket.send(`bind-with-token ${token}`);
            socket.onmessage = ({data}) => hear(data);
            socket.onclose = drop;
            heard = Date.now();
        } catch {
            later();
        } finally {
            connecting = false;
        }
    }

    function drop() {
        socket.onclose = undefined;
        socket.close();
        socket = undefined;
        later();
    }

    // That a socket which worked closes is nothing to tell of: it does when its token runs out.
    function later() {
        if (stopped) return;
        if (failures > 0) on.live(false);
        const most_ms = Math.min(RETRY_MS_MIN * 2 ** failures, RETRY_MS_MAX);
        ++failures;
        clearTimeout(retry);
        retry = setTimeout(connect, most_ms * (0.5 + Math.random() / 2));
    }

    function pollNow() {
        if (socket && Date.now() - heard > SILENT_MS_MAX) drop();
        if (document.hidden) return;
        const bound = socket?.readyState === WebSocket.OPEN && failures === 0;
        change(Object.keys(TOPICS).filter((topic) => !bound || !ids.has(topic)));
    }

    function wake() {
        if (document.hidden || stopped) return;
        change(Object.keys(TOPICS));
        if (!socket) connect();
    }

    document.addEventListener('visibilitychange', wake);
    addEventListener('online', wake);

    return {
        start() {
            poll = setInterval(pollNow, POLL_MS);
            return connect();
        },
        /** Ends it; with `forget` the Subscriptions, too, but for one that is being made: it ends by itself. */
        async stop({forget = false} = {}) {
            stopped = true;
            document.removeEventListener('visibilitychange', wake);
            removeEventListener('online', wake);
            clearInterval(poll);
            clearTimeout(retry);
            clearTimeout(settle);
            if (socket) drop();
            if (forget) await removeAll();
        },
    };
}
