// The patient's half of page_test.py: a person at the page, in Chromium. Prints a line for each step that held.
import {ask, assert, assertAccessible, assertFits, launch} from '../support/browser/browser.mjs';

const [url] = process.argv.slice(2);
const browser = await launch();
const shots = process.env.CARESTREAM_SHOTS;  // a folder for screenshots
let shot = 0;

async function open(options = {}, prepare = () => {}) {
    const context = await browser.newContext({locale: 'en-US', viewport: {width: 1000, height: 800}, ...options});
    const page = await context.newPage();
    await prepare(page);
    page.frames = [];
    page.errors = [];
    page.on('websocket', (socket) => socket.on('framereceived', ({payload}) => page.frames.push(payload)));
    page.renewals = 0;
    page.on('request', (request) => { page.renewals += request.postData()?.includes('grant_type=refresh_token') ? 1 : 0; });
    page.on('pageerror', (error) => page.errors.push(String(error)));
    page.on('console', (message) => {
        if (message.type() === 'error' && /Content.Security|Refused to/.test(message.text())) page.errors.push(message.text());
    });
    page.setDefaultTimeout(20_000);
    await page.goto(url);
    return page;
}

async function step(name, run) {
    await run();
    console.log(`held: ${name}`);
}

async function look(page, where) {
    await assertAccessible(page, where);
    await page.emulateMedia({colorScheme: 'dark'});
    await assertAccessible(page, `${where}, dark`);
    await page.emulateMedia({colorScheme: 'light'});
    await assertFits(page, where);
    if (!shots) return;
    await page.screenshot({path: `${shots}/${String(++shot).padStart(2, '0')}-${where.replace(/\W+/g, '-')}.png`, fullPage: true});
    await page.setViewportSize({width: 360, height: 740});
    await page.screenshot({path: `${shots}/${String(shot).padStart(2, '0')}-${where.replace(/\W+/g, '-')}-phone.png`, fullPage: true});
    await page.setViewportSize({width: 1000, height: 800});
}

async function logIn(page, name) {
    await page.getByRole('button', {name: 'Log in'}).click();
    await page.getByLabel('User name').fill(name);
    await page.getByLabel('Password').fill('any');
    await page.getByRole('button', {name: 'Log in'}).click();
    await page.waitForURL((at) => at.href.startsWith(url) && at.search === '');
}

const told = (page, words) => page.frames.filter((frame) => typeof frame === 'string' && frame.includes(words)).length;
const heading = (page, name) => page.getByRole('heading', {level: 1, name}).waitFor();
const go = (page, name) => page.getByRole('navigation').getByRole('link', {name}).click();
const timeOf = (date) => new Intl.DateTimeFormat('en-US', {hour: '2-digit', minute: '2-digit'}).format(date);
const upcoming = (page) => page.getByRole('region', {name: 'Coming up'});

/** Notes what is said to screen readers from now on; gives what was. */
async function listen(page) {
    await page.evaluate(() => {
        globalThis.said = [];
        new MutationObserver((changes) => globalThis.said.push(
            ...changes.flatMap(({addedNodes}) => [...addedNodes]).map((line) => line.textContent)))
            .observe(document.querySelector('[aria-live]'), {childList: true});
    });
    return () => page.evaluate(() => globalThis.said);
}

/** Books the nth free time; its time of day and day as the dialog says. */
async function book(page, nth) {
    await page.getByRole('button', {name: 'Show free times'}).click();
    const slots = page.locator('.slots button');
    await slots.first().waitFor();
    await slots.nth(nth).click();
    const dialog = page.getByRole('dialog', {name: 'Book this appointment?'});
    const when = await dialog.locator('strong').textContent();
    await dialog.getByRole('button', {name: 'Book', exact: true}).click();
    await dialog.waitFor({state: 'detached'});
    return when;
}

const page = await open();

await step('the log-in at the provider, and the code of the clinic once', async () => {
    await heading(page, 'Welcome');
    await look(page, 'log-in');
    await logIn(page, 'ann');
    await heading(page, 'One step to your record');
    await look(page, 'code');
    await page.getByLabel('Code of your clinic').fill('AAAAA-AAAAA');
    await page.getByRole('button', {name: 'Continue'}).click();
    await page.getByText('This code is not valid.').waitFor();
    await page.getByLabel('Code of your clinic').fill(await ask('link_code'));
    await page.getByRole('button', {name: 'Continue'}).click();
    await heading(page, 'Appointments');
    await page.getByText('Jane Roe').waitFor();
});

await step('nothing of it is kept beyond the tab', async () => {
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    assert.equal(new URL(page.url()).search, '');
});

let booked;
await step('a booking that the EHR accepts is first asked for, then booked', async () => {
    await page.waitForFunction(() => sessionStorage.getItem('carestream.subscriptions'));
    await ask('ehr_slow');
    booked = await book(page, 1);
    await upcoming(page).getByText('Asked for. The clinic has not answered yet.').waitFor();
    await ask('ehr_answers');
    await upcoming(page).locator('li', {hasText: booked}).getByText('Booked', {exact: true}).waitFor();
    assert.ok(told(page, 'event-notification') > 0, 'the websocket told it');
    await look(page, 'appointments');
});

await step('a booking that the EHR refuses says so, with the reason', async () => {
    await ask('ehr_refuses_next');
    const when = await book(page, 2);
    const card = upcoming(page).locator('li', {hasText: when});
    await card.getByText('Not accepted').waitFor();
    await card.getByText('Reason: The clinic could not take the appointment.').waitFor();
    assert.equal(await card.getByRole('button').count(), 0);
});

await step('a booking is cancelled', async () => {
    await upcoming(page).getByRole('button', {name: /^Cancel/}).first().click();
    const dialog = page.getByRole('dialog');
    await look(page, 'dialog');
    await dialog.getByLabel('Reason (optional)').fill('On holiday');
    await dialog.getByRole('button', {name: 'Cancel the appointment'}).click();
    await page.getByText('Past and cancelled').click();
    const card = page.locator('details li', {hasText: booked});
    await card.getByText('Cancelled by you').waitFor();
    await card.getByText('On holiday').waitFor();
});

await step('a cancellation that the EHR refuses stays among what comes up: the clinic may expect the patient', async () => {
    const when = await book(page, 3);
    const card = upcoming(page).locator('li', {hasText: when});
    await card.getByText('Booked', {exact: true}).waitFor();
    await ask('ehr_refuses_next');
    await card.getByRole('button', {name: /^Cancel/}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Cancel the appointment'}).click();
    await card.getByText('Your cancellation is being clarified').waitFor();
    await card.getByText(/may still expect you/).waitFor();
    assert.equal(await card.getByRole('button').count(), 0);
    await look(page, 'cancellation in doubt');
});

await step('all of many free times can be reached', async () => {
    const slots = page.locator('.slots button');
    const all = async () => {
        await page.getByRole('button', {name: 'Show free times'}).click();
        await slots.first().waitFor();
        for (const more = page.getByRole('button', {name: 'Show more days'}); await more.count();) {
            const before = await slots.count();
            await more.click();
            await page.waitForFunction((count) => document.querySelectorAll('.slots button').length > count, before);
            assert.ok(await page.evaluate(() => document.activeElement.matches('.slots button')), 'the focus goes on');
        }
        return slots.evaluateAll((buttons) => buttons.map((button) => button.dataset.key));
    };
    const wanted = await all();
    await page.route('**/Appointment/$find?*', (route) => route.continue({
        url: route.request().url().replace('_count=100', '_count=6')}));
    assert.deepEqual(await all(), wanted);
    await page.getByText(`${wanted.length} free times`, {exact: true}).waitFor();
    await page.getByRole('button', {name: 'Show free times'}).click();
    await page.getByText('The first 6 free times').waitFor();
    await page.unroute('**/Appointment/$find?*');
});

await step('who is nearly due can say that he is here, and reads from when', async () => {
    const card = upcoming(page).locator('li', {hasText: 'Follow-up'});
    const here = page.getByRole('button', {name: 'I am here'});
    await ask('appointment_in_minutes', 90);
    await card.getByText('To move or cancel it, please call the clinic.').waitFor();
    assert.equal(await card.getByRole('button', {name: /^Cancel/}).count(), 0, 'what the hospital made is not cancelled here');
    assert.equal(await here.count(), 0, 'not for those of later');
    const start = new Date(await ask('appointment_in_minutes', 50));
    const refusal = page.waitForResponse((response) => response.url().endsWith('$check-in'));
    await here.click();
    // The clinic's 40 minutes before.
    await card.getByText(/^You can check in from /).getByText(timeOf(start - 40 * 60_000)).waitFor();
    assert.match((await (await refusal).json()).issue[0].diagnostics, / possible from \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await look(page, 'too early');
    const soon = new Date(await ask('appointment_in_minutes', 30));
    await card.getByText(timeOf(soon)).waitFor();
    await here.click();
    await heading(page, 'Waiting room');
    await page.locator('main').getByText('You are next.').waitFor();
    await page.getByText('Dermatology').first().waitFor();
    await ask('end_visit');
    await page.locator('main').getByText('You are not waiting anywhere at the moment.').waitFor();
    await go(page, 'Appointments');
    await card.getByText('You have checked in').waitFor();
    assert.equal(await here.count(), 0);
});

await step('results come while one looks, and a correction is marked', async () => {
    await go(page, 'Results');
    await page.getByText('There are no results.').waitFor();
    const before = told(page, 'event-notification');
    await ask('oru', '718-7', 'Hemoglobin', '13.5', 'L1', '20260501080000', '', 'F');
    await page.getByRole('cell', {name: '13.5 g/dL'}).waitFor();
    await ask('oru', '718-7', 'Hemoglobin', '17.50', 'L2', '20260601080000', 'H', 'F');
    const newest = page.locator('main li.card').first();
    await newest.getByText('17.50 g/dL').waitFor();
    await newest.getByText('High').waitFor();
    assert.equal(await page.getByText('Corrected').count(), 0);
    await ask('oru', '718-7', 'Hemoglobin', '11.1', 'L2', '20260601080000', 'L', 'C');
    await newest.getByText('11.1 g/dL').waitFor();
    await newest.getByRole('heading').getByText('Corrected').waitFor();
    assert.equal(await page.getByText('17.50').count(), 0);
    assert.ok(told(page, 'event-notification') >= before + 3, 'the websocket told it');
    await look(page, 'results');
});

await step('one value over time is a plot and a table', async () => {
    await page.getByRole('link', {name: 'Hemoglobin'}).first().click();
    await heading(page, 'Over time');
    assert.ok(!page.url().includes('718-7'), 'the address tells no code');
    await page.getByRole('img', {name: /Hemoglobin: 2 values over time/}).waitFor();
    assert.equal(await page.locator('.plot circle').count(), 2);
    assert.equal(await page.locator('.plot .outside').count(), 1);
    assert.deepEqual(await page.locator('tbody .value').allTextContents(), ['11.1 g/dL', '13.5 g/dL']);
    await look(page, 'course');
});

await step('a report: what is missing is said at its question', async () => {
    await go(page, 'Symptoms');
    await page.getByRole('link', {name: 'Wound'}).waitFor();
    await look(page, 'reports');
    await page.getByRole('link', {name: 'Wound'}).click();
    const soaks = page.getByRole('group', {name: /soak through/});
    await page.getByRole('button', {name: 'Send'}).waitFor();
    assert.ok(await soaks.isHidden(), 'asked only when there is blood');
    await page.getByRole('button', {name: 'Send'}).click();
    await page.getByText('4 answers need another look').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.className), 'summary');
    await look(page, 'mistakes');
    await page.getByRole('link', {name: /^Does anything come out/}).click();
    assert.equal(await page.evaluate(() => document.activeElement.type), 'radio');
});

await step('a red flag shows the text of the emergency at once; the delivery is told as it is', async () => {
    const answer = (question, option) => page.getByRole('group', {name: question}).getByLabel(option, {exact: true}).check();
    await answer(/skin around/, 'No');
    await answer(/come out of the wound/, 'Blood');
    await answer(/soak through/, 'Yes');
    await answer(/wound opened/, 'No');
    await answer(/fever or chills/, 'Yes');
    await page.getByLabel(/your temperature/).fill('hot');
    await page.getByRole('button', {name: 'Send'}).click();
    await page.getByText('Please enter a number.').first().waitFor();
    await page.getByLabel(/your temperature/).fill('38,9');
    // What the server alone finds wrong stands at its question, too.
    await page.route('**/QuestionnaireResponse', (route) => route.continue({
        postData: route.request().postData().replace('38.9', '48.9')}), {times: 1});
    await page.getByRole('button', {name: 'Send'}).click();
    await page.locator('.question', {hasText: 'your temperature'}).getByText('at most 45 is asked for').waitFor();
    assert.equal(await page.getByLabel(/your temperature/).getAttribute('aria-invalid'), 'true');
    await ask('ehr_slow');
    await page.getByRole('button', {name: 'Send'}).click();
    const alarm = page.getByRole('alert', {name: 'Please act now'});
    await alarm.getByText(/Press a clean cloth firmly on the wound/).waitFor();
    await alarm.getByText(/may be infected/).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Please act now');
    await page.getByText('Sent. The clinic’s system has not confirmed it yet.').waitFor();
    assert.equal(await page.getByText(/Accepted by/).count(), 0);
    await ask('ehr_answers');
    await page.getByText('Accepted by the clinic’s system. This does not mean that somebody has read it.').waitFor();
    await look(page, 'red flag');
    await page.getByRole('link', {name: 'Back to your reports'}).click();
    await page.locator('li', {hasText: 'Accepted by the clinic'}).getByText(/Press a clean cloth/).waitFor();
});

await step('every questionnaire that is shipped can be shown', async () => {
    const names = await page.locator('.choice').allTextContents();
    assert.deepEqual(names.sort(), ['GAD-7', 'PHQ-9', 'Pain', 'Post-operative symptoms', 'Wound']);
    for (const name of names.filter((one) => one !== 'Wound')) {
        await page.getByRole('link', {name, exact: true}).click();
        await page.getByRole('button', {name: 'Send'}).waitFor();
        await look(page, name);
        await page.goBack();
        await page.locator('.choice').first().waitFor();
    }
});

await step('the waiting room says when nobody waits', async () => {
    await go(page, 'Waiting room');
    await page.getByText('You are not waiting anywhere at the moment.').waitFor();
    await look(page, 'waiting room');
});

await step('the place in the line, as the clinic keeps it', async () => {
    await ask('wait_in_line');
    await page.locator('main').getByText('2 people are before you.').waitFor();
    await page.getByText('Dermatology').first().waitFor();
    await look(page, 'in the line');
    await ask('call_the_others');
    await page.locator('main').getByText('You are next.').waitFor();
});

await step('a reload keeps the log-in and the subscriptions', async () => {
    const before = await page.evaluate(() => sessionStorage.getItem('carestream.subscriptions'));
    await page.reload();
    await page.locator('main').getByText('You are next.').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem('carestream.subscriptions')), before);
});

await step('who is called reads that', async () => {
    await ask('call');
    await page.locator('main').getByText('It is your turn.').waitFor();
    await page.getByText('Dermatology').first().waitFor();
});

await step('a server that is gone is told, and comes back by itself', async () => {
    await go(page, 'Results');
    await page.getByText('11.1 g/dL').waitFor();
    await ask('stop');
    await page.getByText('No connection to the clinic').waitFor({timeout: 40_000});
    await page.getByText('11.1 g/dL').waitFor();  // what was seen stays
    await ask('start');
    await page.getByText('No connection to the clinic').waitFor({state: 'detached', timeout: 70_000});
    await ask('oru', '718-7', 'Hemoglobin', '12.4', 'L3', '20260701080000', '', 'F');
    await page.getByText('12.4 g/dL').waitFor({timeout: 70_000});
});

await step('the keyboard alone is enough to log in and to book', async () => {
    const person = await open();
    const {keyboard} = person;
    const press = async (name, exact = true) => {
        for (let i = 0; i < 80; ++i) {
            await keyboard.press('Tab');
            const text = await person.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());
            if (exact ? text === name : text.includes(name)) return keyboard.press('Enter');
        }
        throw new Error(`the Tab key does not reach ${name}`);
    };
    await heading(person, 'Welcome');
    await press('Log in');
    // What is typed before the field has the focus is lost.
    await person.getByLabel('User name').and(person.locator(':focus')).waitFor();
    await keyboard.type('ann');
    await keyboard.press('Tab');
    await keyboard.type('any');
    await keyboard.press('Enter');
    await heading(person, 'Appointments');
    await upcoming(person).locator('.card').first().waitFor();
    await press('Show free times');
    await person.locator('.slots button').first().waitFor();
    await press('Dermatology', false);
    await person.getByRole('dialog').waitFor();
    await press('Book');
    await upcoming(person).getByText('Booked', {exact: true}).waitFor();
    assert.deepEqual(person.errors, []);
    await person.context().close();
});

await step('without a websocket the page asks again and again', async () => {
    const other = await open({}, (one) => one.routeWebSocket(/websocket/, (socket) => socket.close()));
    await logIn(other, 'ann');
    await heading(other, 'Appointments');
    await go(other, 'Results');
    await other.getByText('Changes may appear with a delay').waitFor();
    await ask('oru', '718-7', 'Hemoglobin', '12.7', 'L4', '20260801080000', '', 'F');
    await other.getByText('12.7 g/dL').waitFor({timeout: 40_000});
    await other.context().close();
});

await step('a busy server is waited for', async () => {
    await go(page, 'Appointments');
    await page.route('**/DiagnosticReport?*', (route) => route.fulfill({status: 429, headers: {'Retry-After': '2'}}), {times: 1});
    await go(page, 'Results');
    await page.getByText('The clinic’s system is busy.').waitFor();
    await page.getByText('12.7 g/dL').waitFor();
    await page.getByText('The clinic’s system is busy.').waitFor({state: 'detached'});
});

await step('older results are shown without a word, a new one is told', async () => {
    await ask('old_results', 22);
    await page.reload();
    await page.getByText('12.7 g/dL').waitFor();
    const said = await listen(page);
    await page.getByRole('button', {name: 'Show more'}).click();
    await page.waitForFunction(() => document.querySelectorAll('main li.card').length > 20);
    await ask('oru', '2951-2', 'Sodium', '140', 'L5', '20260901080000', '', 'F');
    await page.getByText('140 g/dL').waitFor();
    assert.deepEqual(await said(), ['New result: Sodium']);
});

await step('German is there for those who read it', async () => {
    const person = await open({locale: 'de-DE'});
    await heading(person, 'Willkommen');
    assert.equal(await person.evaluate(() => document.documentElement.lang), 'de');
    await person.context().close();
});

await step('another log-in sees nothing of it', async () => {
    const other = await open();
    await logIn(other, 'bea');
    await heading(other, 'One step to your record');
    assert.equal(await other.getByText('Roe').count(), 0);
    await other.context().close();
});

await step('tokens were renewed without a word', async () => {
    assert.ok(page.renewals > 0);
    assert.equal(await page.getByText('session has ended').count(), 0);
});

await step('an answer of the provider that nobody here asked for is not redeemed', async () => {
    const other = await open();
    await other.goto(`${url}?code=stolen&state=guessed`);
    await other.getByText('was not started here').waitFor();
    assert.deepEqual([new URL(other.url()).search, await other.evaluate(() => sessionStorage.length)], ['', 0]);
    await other.context().close();
});

await step('who presses Back after the log-out sees nothing of it', async () => {
    const person = await open({}, (one) => one.addInitScript(() => addEventListener('pageshow', ({persisted}) => {
        if (persisted) console.log(`shown again: ${document.body.textContent}`);
    })));
    const shown = [];
    person.on('console', (message) => shown.push(message.text()));
    await logIn(person, 'ann');
    await go(person, 'Results');
    await person.getByText('12.7 g/dL').waitFor();
    await person.getByRole('button', {name: 'Log out'}).click();
    await person.getByRole('heading', {name: 'Log out'}).waitFor();  // the provider's question
    await person.goBack({waitUntil: 'commit'});
    await heading(person, 'Welcome');
    assert.deepEqual(shown.filter((text) => text.startsWith('shown again')), ['shown again: '], 'it came from the cache, empty');
    assert.equal(await person.getByText(/Roe|12.7/).count(), 0);
    assert.equal(await person.evaluate(() => sessionStorage.getItem('carestream.tokens')), null);
    await person.getByRole('button', {name: 'Log in'}).click();
    await person.waitForURL((at) => !at.href.startsWith(url));
    assert.deepEqual(person.errors, []);
    await person.context().close();
});

await step('the log-out ends the session and the subscriptions', async () => {
    const subscriptions = Object.values((await page.evaluate(() => JSON.parse(sessionStorage.getItem('carestream.subscriptions')))).ids);
    const before = await ask('subscriptions');
    assert.ok(subscriptions.length >= 4 && subscriptions.every((id) => before.includes(id)));
    await page.getByRole('button', {name: 'Log out'}).click();
    await page.getByRole('heading', {name: 'Log out'}).waitFor();  // the provider's question
    await page.getByRole('button', {name: 'Log out'}).click();
    await heading(page, 'Welcome');
    assert.deepEqual(await page.evaluate(() => [sessionStorage.getItem('carestream.tokens'), localStorage.length]), [null, 0]);
    const left = await ask('subscriptions');
    assert.deepEqual(subscriptions.filter((id) => left.includes(id)), []);
    await logIn(page, 'ann');
    await heading(page, 'Appointments');
});

assert.deepEqual(page.errors, []);
await browser.close();
process.exit(0);
