/**
 * The HTTP service under load: clients that upload, click, fetch masks and delete, each with one of two images, and some that
 * send what is none. Says how many masks were made, that each was its own image's, and what the process' memory did:
 *   npm run bench:service [-- CLIENTS SECONDS]
 */
import { createHash, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { demo } from '../test/setup/demo.ts';

const [clients, seconds] = [Number(process.argv[2] ?? 32), Number(process.argv[3] ?? 60)];
const built = (file: string) => import(new URL(`../dist/${file}`, import.meta.url).href) as Promise<unknown>;
const { createSession, formatNifti, openGpu, parseNifti, presets, readWeights } = (await built(
  'node.js',
)) as typeof import('../src/node.ts');
const { createApi } = (await built('api-server.js')) as typeof import('../src/node/servers/api-server.ts');

const { click, weightsPath } = demo;
const imageBytes = new Uint8Array(readFileSync(demo.imagePath));

/** The same image with its slices upside down: the lesion is elsewhere. */
function upsideDown(): { file: Uint8Array; click: number[] } {
  const image = parseNifti(imageBytes, 'demo');
  const [ni, nj, nk] = image.dims;
  const values = new Float32Array(image.values.length);
  for (let k = 0; k < nk; k++) {
    values.set(image.values.subarray(k * ni * nj, (k + 1) * ni * nj), (nk - 1 - k) * ni * nj);
  }
  return { file: formatNifti(image, values, true), click: [click[0]!, click[1]!, nk - 1 - click[2]!] };
}

const cases = [{ file: imageBytes, click: [...click] }, upsideDown()];
const session = createSession({ open: () => openGpu({ tune: false }), weights: await readWeights(weightsPath) });
const app = await createApi({ session, preset: presets.kits!, mostImageBytes: 2 ** 26 });
const url = await app.listen({ port: 0, host: '127.0.0.1' });

const post = (path: string, body: Uint8Array | object) =>
  fetch(url + path, {
    method: 'POST',
    ...(body instanceof Uint8Array
      ? { body: new Uint8Array(body) }
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });

interface Found {
  readonly id: string;
  readonly mask: string;
}

/** @returns the hash of the mask that a case's click gives */
async function segmentOnce({ file, click: at }: (typeof cases)[number]): Promise<string> {
  const { id } = (await (await post('/v1/images?name=ct.nii.gz', file)).json()) as Found;
  const { mask } = (await (await post(`/v1/images/${id}/lesions`, { clicks: [at] })).json()) as Found;
  const bytes = new Uint8Array(await (await fetch(url + mask)).arrayBuffer());
  await fetch(`${url}/v1/images/${id}`, { method: 'DELETE' });
  return createHash('sha256').update(gunzipSync(bytes)).digest('hex');
}

/** A small file whose header claims 8.8 GB. */
function bomb(): Uint8Array {
  const file = Buffer.from(gunzipSync(imageBytes)).subarray(0, 2 ** 20);
  [3, 1300, 1300, 1300].forEach((side, i) => file.writeInt16LE(side, 40 + 2 * i));
  return gzipSync(file);
}

const bad: readonly (readonly [status: number, send: () => Promise<Response>])[] = [
  [400, () => post('/v1/images?name=ct.nii.gz', imageBytes.subarray(0, 5000))],
  [413, () => post('/v1/images?name=ct.nii.gz', bomb())],
  [400, () => post('/v1/images?name=ct.txt', imageBytes)],
  [400, () => post('/v1/images', imageBytes)],
  [404, () => post('/v1/images/none/lesions', { clicks: [[1, 2, 3]] })],
  [404, () => fetch(`${url}/v1/nothing`)],
];

const right = [await segmentOnce(cases[0]!), await segmentOnce(cases[1]!)];
if (right[0] === right[1]) {
  throw new Error('the two images have one mask; expected two that differ');
}
const counts = { masks: 0, wrong: 0, refused: 0, misanswered: 0 };
const megabytes: number[] = [];
const until = Date.now() + seconds * 1000;

async function client(index: number): Promise<void> {
  while (Date.now() < until) {
    if (index % 4 === 3) {
      const [status, send] = bad[randomInt(bad.length)]!;
      const answer = await send();
      await answer.arrayBuffer();
      counts[answer.status === status ? 'refused' : 'misanswered']++;
      await pause(100);
    } else {
      const which = randomInt(2);
      counts[(await segmentOnce(cases[which]!)) === right[which] ? 'masks' : 'wrong']++;
    }
  }
}

const sampling = setInterval(() => {
  globalThis.gc?.();
  megabytes.push(process.memoryUsage.rss() / 2 ** 20);
}, 1000);
await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
clearInterval(sampling);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const fifth = Math.max(1, Math.floor(megabytes.length / 5));
console.log(
  `${clients} clients for ${seconds} s: ${counts.masks} masks, ${counts.wrong} wrong; ${counts.refused} bad requests refused, ${counts.misanswered} answered otherwise; ` +
    `resident memory ${mean(megabytes.slice(fifth, 2 * fifth)).toFixed(0)} MiB in the second fifth, ${mean(megabytes.slice(-fifth)).toFixed(0)} MiB in the last, ${Math.max(...megabytes).toFixed(0)} MiB at most`,
);
await app.close();
session.close();
process.exit(counts.wrong + counts.misanswered > 0 ? 1 : 0);
