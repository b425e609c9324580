// Appointments: what lies ahead, what was, booking, cancelling, checking in. The words say what is known and no
// more: "asked" is not "booked".
import {h} from './dom.mjs';
import {clock, concept, day, extension, hasCode, span, time} from './format.mjs';
import {parameters, Unreachable, wordsFor} from './fhir.mjs';
import {freeTimes} from './free_times.mjs';
import {ask, problem, replace} from './shell.mjs';
import {t} from './words.mjs';

const STATE = 'urn:carestream:booking-state';
const OPEN = new Set(['proposed', 'pending', 'booked', 'arrived', 'checked-in', 'waitlist']);
const CANCELLABLE = new Set(['pending', 'booked']);
const UNCONFIRMED = new Set(['cancelling', 'being-clarified']);
const REASONS = 'http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason';
const CHECK_IN_MINUTES_BEFORE = 60;  // as clinics have it unless they say otherwise, which no app is told
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/;
const FIND_DAYS = 14;
const DAYS_SHOWN = 3;
const ACTORS_MAX = 20;  // asked for at once

const bookingOf = (appointment) => extension(appointment, STATE)?.valueCode;

// Nobody knows what became of the newest request: of a booking, or of a cancellation.
function doubtOf({status}) {
    const key = status === 'cancelled' ? 'appointment.cancelUnclear' : 'appointment.clarified';
    return {tone: 'unclear', text: t(key), detail: t(`${key}.more`)};
}

/** {tone, text, detail} of an Appointment: "waits", "good", "unclear", "over". */
export function stateOf(appointment) {
    const state = bookingOf(appointment);
    const reason = appointment.cancelationReason?.text;
    const because = reason && t('appointment.because', {reason});
    if (state === 'being-clarified') return doubtOf(appointment);
    if (state === 'rescheduling') return {tone: 'waits', text: t('appointment.moving')};
    if (state === 'cancelling') return {tone: 'waits', text: t('appointment.cancelling')};
    if (state === 'compensated') return {tone: 'over', text: t('appointment.rejected'), detail: because};
    if (state === 'expired') return {tone: 'over', text: t('appointment.expired')};
    switch (appointment.status) {
        case 'proposed': return {tone: 'waits', text: t('appointment.held')};
        case 'pending': return {tone: 'waits', text: t('appointment.pending')};
        case 'booked': return {tone: 'good', text: t('appointment.booked')};
        case 'arrived': case 'checked-in': return {tone: 'good', text: t('appointment.arrived')};
        case 'fulfilled': return {tone: 'over', text: t('appointment.fulfilled')};
        case 'noshow': return {tone: 'over', text: t('appointment.noshow')};
        case 'waitlist': return {tone: 'waits', text: t('appointment.waitlist')};
        case 'cancelled': {
            const own = hasCode(appointment.cancelationReason, REASONS, 'pat');
            return {tone: 'over', text: t(own ? 'appointment.cancelled.self' : 'appointment.cancelled'), detail: because};
        }
        default: return {tone: 'over', text: appointment.status};
    }
}

function actorName(actor, known) {
    if (actor?.display) return actor.display;
    const resource = known.get(actor?.reference);
    if (typeof resource?.name === 'string') return resource.name;
    const {text, prefix = [], given = [], family} = resource?.name?.[0] ?? {};
    return text ?? [...prefix, ...given, family].filter(Boolean).join(' ');
}

// Whom the clinic asks about it, and who typed it in, are nobody whom one sees.
const isOfPaperwork = ({type}) =>
    type?.length > 0 && type.every(({coding}) => coding?.some(({code}) => code === 'CALLBCK' || code === 'enterer'));

export const withWhom = (appointment, known) => (appointment.participant ?? [])
    .filter((one) => one.actor && !one.actor.reference?.startsWith('Patient/') && !isOfPaperwork(one))
    .map(({actor}) => actorName(actor, known)).filter(Boolean).join(', ');

const what = (appointment) => concept(appointment.serviceType) || concept(appointment.appointmentType) ||
                              appointment.description || t('appointment.plain');

const isOver = (appointment) => new Date(appointment.end ?? appointment.start) < new Date();

// Cancelled here, but the clinic has not confirmed it: it may still expect the patient.
const mayStand = (appointment) => appointment.status === 'cancelled' && UNCONFIRMED.has(bookingOf(appointment));

/** Whether it stands under "Coming up". */
export const isAhead = (appointment) =>
    (OPEN.has(appointment.status) || mayStand(appointment)) && !isOver(appointment);

const whatAndWhom = (appointment, known) => [what(appointment), withWhom(appointment, known)].filter(Boolean).join(', ');

const isTakenBack = (appointment) => appointment.status === 'cancelled' && new Date(appointment.start) > new Date() &&
                                    !hasCode(appointment.cancelationReason, REASONS, 'pat');

/** Whether the check-in is offered; the clinic decides. */
export function mayCheckIn(appointment) {
    const minutes = (new Date(appointment.start) - Date.now()) / 60_000;
    return appointment.status === 'booked' && minutes <= CHECK_IN_MINUTES_BEFORE && !isOver(appointment);
}

/** Why the clinic did not check in. An instant in what it says of the start is the time from when it does. */
export function checkInWords(error) {
    if (error.status === 404 || error.status === 501) return t('checkin.none');
    const ofStart = error.issues?.find(({path}) => path === 'Appointment.start');
    const from = INSTANT.exec(ofStart?.text ?? '')?.[0];
    if (from) return t('checkin.early', {when: clock(from)});
    return error.status === 422 ? t('checkin.desk') : wordsFor(error);
}

function cancel(context, appointment, done) {
    return ask({
        title: t('cancel.title'), yes: t('cancel.yes'), danger: true,
        content: [h('p', {}, `${what(appointment)}: ${span(appointment.start, appointment.end)}`),
                  h('label', {for: 'reason'}, t('cancel.reason')),
                  h('input', {id: 'reason', name: 'reason', maxlength: '200'})],
        submit: async (form) => {
            const reason = form.elements.reason.value.trim();
            await context.fhir.post(`Appointment/${appointment.id}/$cancel`, parameters({reason}));
            return true;
        },
    }).then((cancelled) => cancelled && done(t('cancel.done')));
}

// The same key for each try, so that an answer that was lost on the way books nothing twice.
function book(context, proposal, known, done) {
    const key = crypto.randomUUID();
    return ask({
        title: t('book.title'), yes: t('book.yes'),
        content: [h('p', {}, h('strong', {}, span(proposal.start, proposal.end))),
                  h('p', {}, whatAndWhom(proposal, known)),
                  h('label', {for: 'comment'}, t('book.comment')),
                  h('textarea', {id: 'comment', name: 'comment', rows: '2', maxlength: '500'})],
        submit: (form) => context.fhir.post('Appointment/$book', parameters({
            slot: proposal.slot[0].reference, comment: form.elements.comment.value.trim()}), {'Idempotency-Key': key}),
    }).then((made) => made && done(stateOf(made).text));
}

/** What is free from a day on, and a way to book it. */
function finder(context, done) {
    const today = new Date();
    const field = h('input', {type: 'date', id: 'from', name: 'from', required: true,
                              value: localDate(today), min: localDate(today)});
    const found = h('div', {class: 'found'});
    const status = h('p', {role: 'status'});
    let search, shown, days;

    function find() {
        const start = new Date(Math.max(dayStart(field.value), Date.now()));
        search = freeTimes(context.fhir, start, new Date(start.getTime() + FIND_DAYS * 86_400_000));
        shown = DAYS_SHOWN;
        replace(found);
        return load();
    }

    async function load() {
        const asked = search;
        status.textContent = t('loading');
        try {
            await asked.more();
            const known = await actorsOf(context, asked.all);
            if (asked !== search) return;  // another day was asked for meanwhile
            status.textContent = countWords(asked);
            days = byDay(asked.all, known);
            showDays();
        } catch (error) {
            if (asked === search) status.textContent = wordsFor(error);
        }
    }

    function showDays() {
        const isMore = days.length > shown || !search.complete;
        replace(found, days.slice(0, shown),
                isMore && h('button', {type: 'button', onclick: showMore}, t('find.more')));
    }

    async function showMore() {
        const before = found.querySelectorAll('.slots button').length;
        shown += DAYS_SHOWN;
        if (shown > days.length && !search.complete) await load();
        else showDays();
        const slots = [...found.querySelectorAll('.slots button')];
        const next = slots[before] ?? (search.complete ? slots.at(-1) : undefined);
        next?.focus();  // otherwise it could not be asked for: the button is still there
    }

    function byDay(proposals, known) {
        const button = (slot) => h('button', {
            type: 'button', 'data-key': slot.slot[0].reference,
            'aria-label': t('book.at', {when: span(slot.start, slot.end), what: whatAndWhom(slot, known)}),
            onclick: () => book(context, slot, known, (text) => { find(); done(text); })},
            h('span', {class: 'time'}, time(slot.start)),
            h('span', {class: 'hint'}, withWhom(slot, known) || what(slot)));
        return [...group(proposals, (one) => day(one.start))].map(([name, slots]) => h('section', {class: 'day'},
            h('h4', {}, name), h('ul', {class: 'slots'}, slots.map((slot) => h('li', {}, button(slot))))));
    }

    const form = h('form', {class: 'row', onsubmit: (event) => { event.preventDefault(); find(); }},
                   h('div', {}, h('label', {for: 'from'}, t('find.from')), field),
                   h('button', {class: 'primary'}, t('find.go')));
    return h('section', {class: 'card', 'aria-labelledby': 'find-title'},
             h('h2', {id: 'find-title'}, t('find.title')), form, status, found);
}

function countWords({all, complete}) {
    const count = all.length;
    if (count === 0) return t('find.none', {days: FIND_DAYS});
    return t(complete ? 'find.count' : 'find.first', {count});
}

function group(items, keyOf) {
    const groups = new Map();
    for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
    return groups;
}

const localDate = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
const dayStart = (text) => new Date(`${text || localDate(new Date())}T00:00:00`).getTime();

// $find names places and people by reference. Each is asked for once.
async function actorsOf({fhir, actors: known}, appointments) {
    const named = appointments.flatMap(({participant = []}) => participant).map(({actor}) => actor)
        .filter((actor) => actor?.reference && !actor.display && !actor.reference.startsWith('Patient/'))
        .map((actor) => actor.reference);
    const missing = [...new Set(named)].filter((reference) => !known.has(reference));
    await Promise.all(missing.slice(0, ACTORS_MAX).map(async (reference) => {
        const resource = await fhir.get(reference).catch(() => undefined);
        if (resource) known.set(reference, resource);
    }));
    return known;
}

export function open(context) {
    const {fhir, patient, shell} = context;
    const ahead = h('div', {}, h('p', {class: 'hint'}, t('loading')));
    const past = h('div');
    const pastBox = h('details', {class: 'card'}, h('summary', {}, t('appointments.past')), past);
    const told = new Map();  // id -> text that was shown last

    function done(text) {
        shell.say(text);
        view.refresh();
    }

    async function checkIn(appointment, refusal) {
        refusal.textContent = '';
        try {
            await fhir.post(`Appointment/${appointment.id}/$check-in`, parameters({}));
            location.hash = '#waiting';
        } catch (error) {
            refusal.textContent = checkInWords(error);
        }
    }

    function card(appointment, known) {
        const state = stateOf(appointment);
        const refusal = h('p', {class: 'error', role: 'alert'});
        const stands = isAhead(appointment) && CANCELLABLE.has(appointment.status);
        const booking = bookingOf(appointment);
        const mayCancel = stands && booking && !UNCONFIRMED.has(booking);
        return h('li', {class: 'card'},
                 h('h3', {}, what(appointment)),
                 h('p', {class: 'when'}, span(appointment.start, appointment.end)),
                 withWhom(appointment, known) && h('p', {}, withWhom(appointment, known)),
                 h('p', {class: `state ${state.tone}`}, state.text),
                 state.detail && h('p', {class: 'hint'}, state.detail),
                 stands && !booking && h('p', {class: 'hint'}, t('appointment.hospitals')),
                 refusal,
                 h('div', {class: 'buttons'},
                   mayCheckIn(appointment) && h('button', {
                       type: 'button', class: 'primary', 'data-key': `in-${appointment.id}`,
                       onclick: () => checkIn(appointment, refusal)}, t('checkin.go')),
                   mayCancel && h('button', {
                       type: 'button', 'data-key': `cancel-${appointment.id}`,
                       'aria-label': t('cancel.which', {what: what(appointment), when: span(appointment.start)}),
                       onclick: () => cancel(context, appointment, done)}, t('cancel.go'))));
    }

    function announce(appointments) {
        for (const appointment of appointments) {
            const text = stateOf(appointment).text;
            const before = told.get(appointment.id);
            if (before !== undefined && before !== text) shell.say(`${span(appointment.start)}: ${text}`);
            told.set(appointment.id, text);
        }
    }

    const view = {
        title: t('nav.appointments'),
        topics: ['appointment', 'booking'],
        content: h('div', {}, h('section', {'aria-labelledby': 'ahead-title'},
                                h('h2', {id: 'ahead-title'}, t('appointments.ahead')), ahead),
                   finder(context, done), pastBox),
        async refresh() {
            try {
                const {matches} = await fhir.search(`Appointment?patient=${patient.id}&_sort=-date&_count=50`);
                const known = await actorsOf(context, matches.filter(isAhead));
                const next = matches.filter(isAhead).reverse();
                const rest = matches.filter((one) => !isAhead(one));
                // A time that the clinic took back stands where it was looked for.
                const news = rest.filter(isTakenBack);
                announce(matches);
                const list = (all) => h('ul', {class: 'list'}, all.map((one) => card(one, known)));
                const none = next.length + news.length === 0;
                replace(ahead, none ? h('p', {class: 'card'}, t('appointments.none')) : list([...next, ...news]));
                replace(past, list(rest.filter((one) => !news.includes(one))));
                pastBox.hidden = rest.length === news.length;
            } catch (error) {
                if (!(error instanceof Unreachable) || told.size === 0) replace(ahead, problem(error));
            }
        },
    };
    return view;
}
