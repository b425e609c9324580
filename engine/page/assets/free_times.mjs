// Free times by Appointment/$find, which gives so many at once and says when there are more.
const SLOTS_MAX = 100;
const GAP_MS = 6 * 3_600_000;

/** Where to go on after an answer that left some out: at its last start, whose times may not all be in it. */
function nextStart(matches, from) {
    if (matches.length === 0) return from + GAP_MS;  // none of those it looked at can be booked any more
    const last = new Date(matches.at(-1).start).getTime();
    return last > from ? last : from + 1;
}

/** What is free from `start` until `end`. `more()` asks for the first of them, then for those that follow. */
export function freeTimes(fhir, start, end) {
    const proposals = new Map();  // by slot: an answer begins with what stood last in the one before
    let from = start.getTime();

    async function askOnce() {
        const page = await fhir.page(`Appointment/$find?start=${new Date(from).toISOString()}` +
                                     `&end=${end.toISOString()}&_count=${SLOTS_MAX}`);
        for (const one of page.matches) proposals.set(one.slot[0].reference, one);
        from = page.incomplete ? nextStart(page.matches, from) : end.getTime();
    }

    return {
        get all() {
            return [...proposals.values()];
        },

        /** Whether these are all. */
        get complete() {
            return from >= end.getTime();
        },

        /** Until there is another one, or no more. */
        async more() {
            const before = proposals.size;
            while (!this.complete && proposals.size === before) await askOnce();
        },
    };
}
