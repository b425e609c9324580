// A small plot over time as inline SVG. It is a picture for the eyes: the table beside it has the numbers.
import {svg} from './dom.mjs';
import {number, shortDay} from './format.mjs';

const WIDTH = 600, HEIGHT = 240;
const LEFT = 56, RIGHT = 16, TOP = 16, BOTTOM = 34;
const STEPS = 4;

/** Round numbers that cover the interval: 0, 5, 10, ... */
export function ticks(low, high) {
    const span = high - low || Math.abs(high) || 1;
    const power = 10 ** Math.floor(Math.log10(span / STEPS));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => span / one <= STEPS);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const all = [];
    for (let at = Math.floor(low / step); ; ++at) {
        all.push(Number((at * step).toFixed(digits)));
        if (at * step >= high && all.length > 1) return all;
    }
}

/** points: [{at: Date, value, text}], two or more, oldest first. `low` and `high`: the reference range, if any. */
export function plot(points, {low, high, unit, label}) {
    const values = [...points.map((point) => point.value), low, high].filter((value) => Number.isFinite(value));
    const lines = ticks(Math.min(...values), Math.max(...values));
    const [bottom, top] = [lines[0], lines.at(-1)];
    const [first, last] = [points[0].at.getTime(), points.at(-1).at.getTime()];
    const x = (at) => LEFT + (last === first ? 0.5 : (at - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
    const y = (value) => HEIGHT - BOTTOM - ((value - bottom) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
    const path = points.map(({at, value}, i) => `${i ? 'L' : 'M'}${x(at.getTime()).toFixed(1)} ${y(value).toFixed(1)}`)
        .join('');
    const [usualTop, usualBottom] = [y(high ?? top), y(low ?? bottom)];
    return svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label, class: 'plot'},
        (low !== undefined || high !== undefined) && svg('rect', {
            class: 'usual', x: LEFT, width: WIDTH - LEFT - RIGHT, y: usualTop, height: Math.max(0, usualBottom - usualTop)}),
        lines.map((value) => [
            svg('line', {class: 'line', x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value)}),
            svg('text', {x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end'}, number(value))]),
        svg('text', {x: LEFT, y: HEIGHT - 10}, shortDay(points[0].at.toISOString())),
        svg('text', {x: WIDTH - RIGHT, y: HEIGHT - 10, 'text-anchor': 'end'}, shortDay(points.at(-1).at.toISOString())),
        svg('path', {class: 'course', d: path}),
        points.map(({at, value, text}) => svg('circle', {
            class: value < low || value > high ? 'outside' : 'inside', cx: x(at.getTime()), cy: y(value), r: 4.5},
            svg('title', {}, `${shortDay(at.toISOString())}: ${text || `${number(value)} ${unit}`}`))));
}
