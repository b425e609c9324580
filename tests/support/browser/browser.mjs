// Debian's Chromium for scripts that drive the patient page, and their line to the test that started them: what
// they ask for is one line of JSON on stdout, the answer one on stdin.
import assert from 'node:assert/strict';
import {accessSync} from 'node:fs';
import readline from 'node:readline';
import axe from 'axe-core';
import {chromium} from 'playwright-core';

const lines = readline.createInterface({input: process.stdin})[Symbol.asyncIterator]();

/** Lets the test do something around the browser: await ask('oru', '718-7', 'Hemoglobin', '13.5'). */
export async function ask(action, ...values) {
    process.stdout.write(`${JSON.stringify({do: action, with: values})}\n`);
    const {value} = await lines.next();
    const {answer, error} = JSON.parse(value);
    if (error) throw new Error(`${action}: ${error}`);
    return answer;
}

function executable() {
    const known = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].filter(Boolean);
    const found = known.find((path) => {
        try {
            accessSync(path);
            return true;
        } catch {
            return false;
        }
    });
    assert(found, 'no Chromium: run tools/setup --tests, or set CHROMIUM');
    return found;
}

/** With the back/forward cache, which playwright turns off: people's browsers have it. */
export const launch = () => chromium.launch({
    executablePath: executable(), args: process.getuid() === 0 ? ['--no-sandbox'] : [],
    ignoreDefaultArgs: ['--disable-back-forward-cache']});

/** Everything that axe finds and calls serious or critical fails. */
export async function assertAccessible(page, where) {
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => globalThis.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}));
    const bad = found.violations.filter((one) => ['serious', 'critical'].includes(one.impact));
    assert.deepEqual(bad.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`), [], where);
}

/** At the width of a phone (or 1280 px at 400 %) nothing leaves the page sideways. */
export async function assertFits(page, where) {
    for (const width of [360, 320]) await assertFitsAt(page, where, width);
}

async function assertFitsAt(page, where, width) {
    const before = page.viewportSize();
    await page.setViewportSize({width, height: 740});
    const wide = await page.evaluate(() => [...document.querySelectorAll('body *')]
        .filter((one) => one.getClientRects().length && !one.closest('.spoken, .skip, thead') &&
                         one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((one) => one.outerHTML.slice(0, 120)));
    const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    await page.setViewportSize(before);
    assert.deepEqual({wide, scrolls}, {wide: [], scrolls: false}, `${where} at ${width} px`);
}

export {assert};
