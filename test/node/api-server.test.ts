/** The HTTP service over a real port, with the shipped case. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNifti, parseNifti } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { presets } from '../../src/volume/preset.ts';
import type { Session } from '../../src/lesions/session.ts';
import { demo } from '../setup/demo.ts';

const name = 'volsam';
const { createSession, openGpu, readWeights } = (await import(name)) as typeof import('../../src/node.ts');
// The built server: beside it lies the worker that reads uploads.
const { createApi } = (await import(
  /* @vite-ignore */ new URL('../../dist/api-server.js', import.meta.url).href
)) as typeof import('../../src/node/servers/api-server.ts');

let session: Session;
let url: string;
let close: () => Promise<void>;
const token = 'secret';
const phantom = readFileSync(demo.imagePath);

beforeAll(async () => {
  session = createSession({ open: () => openGpu({ tune: false }), weights: await readWeights(demo.weightsPath) });
  const app = await createApi({ session, preset: presets.kits!, token });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
  close = () => app.close();
});
afterAll(async () => {
  await close();
  session.close();
});

const headers = { authorization: `Bearer ${token}` };

function ask(
  path: string,
  method = 'GET',
  body?: Buffer | object,
  sent: Record<string, string> = headers,
): Promise<Response> {
  const isFile = Buffer.isBuffer(body);
  return fetch(url + path, {
    method,
    headers: { ...sent, ...(body && { 'content-type': isFile ? 'application/octet-stream' : 'application/json' }) },
    ...(body && { body: isFile ? new Uint8Array(body) : JSON.stringify(body) }),
  });
}

test('a volume, a click, a mask; then it is forgotten', async () => {
  const image = (await (await ask('/v1/images?name=ct.nii.gz', 'POST', phantom)).json()) as {
    id: string;
    dims: number[];
  };
  expect(image.dims).toEqual([87, 87, 73]);
  const voxel = (await (await ask(`/v1/images/${image.id}/lesions`, 'POST', { clicks: [[51, 45, 41]] })).json()) as {
    mask: string;
    voxels: number;
    millilitres: number;
  };
  const world = (await (
    await ask(`/v1/images/${image.id}/lesions`, 'POST', {
      clicks: [[-3.15739483, 9.28431716, -5.37371579]],
      space: 'ras',
    })
  ).json()) as { voxels: number };
  expect(voxel.voxels).toBeGreaterThan(3000);
  expect(world.voxels).toBe(voxel.voxels);
  const stroke = (await (
    await ask(`/v1/images/${image.id}/lesions`, 'POST', { clicks: [{ label: 'foreground', stroke: [[51, 45, 41]] }] })
  ).json()) as { voxels: number };
  expect(stroke.voxels).toBe(voxel.voxels);
  const mask = parseNifti(new Uint8Array(await (await ask(voxel.mask)).arrayBuffer()), 'mask');
  expect(mask.affine).toEqual(parseNifti(phantom, 'ct').affine);
  expect(mask.values.reduce((sum, value) => sum + value, 0)).toBe(voxel.voxels);
  expect((await ask(`/v1/images/${image.id}`, 'DELETE')).status).toBe(204);
  expect((await ask(voxel.mask)).status).toBe(404);
});

test('the OpenAPI document describes every route', async () => {
  const document = (await (await ask('/openapi.json')).json()) as {
    openapi: string;
    paths: Record<string, Record<string, unknown>>;
    security: unknown;
  };
  expect(document.openapi).toBe('3.0.3');
  expect(Object.entries(document.paths).map(([path, methods]) => [path, Object.keys(methods)])).toEqual([
    ['/v1/images', ['post']],
    ['/v1/images/{image}', ['delete']],
    ['/v1/images/{image}/lesions', ['post']],
    ['/v1/images/{image}/lesions/{lesion}/mask.nii.gz', ['get']],
  ]);
  expect(document.security).toEqual([{ token: [] }]);
  const upload = document.paths['/v1/images']!.post as {
    requestBody: { content: object };
    responses: Record<string, { content?: object }>;
  };
  expect(Object.keys(upload.requestBody.content)).toEqual(['application/octet-stream']);
  expect(Object.keys(upload.responses)).toEqual(['200', '400', '401', '413', '503']);
  const mask = document.paths['/v1/images/{image}/lesions/{lesion}/mask.nii.gz']!.get as typeof upload;
  expect(Object.keys(mask.responses['200']!.content!)).toEqual(['application/gzip']);
  expect(Object.keys(mask.responses)).toEqual(['200', '400', '401', '404', '410']);
});

test('what is wrong with a request is said', async () => {
  const said = async (response: Promise<Response>) =>
    [(await response).status, ((await (await response).json()) as { message: string }).message] as const;
  expect(await said(ask('/openapi.json', 'GET', undefined, {}))).toEqual([
    401,
    'the token is missing or wrong; expected the header Authorization: Bearer TOKEN',
  ]);
  expect(await said(ask('/v1/images?name=ct.nii.gz', 'POST', phantom.subarray(0, 4000)))).toEqual([
    400,
    expect.stringMatching(/^ct.nii.gz: .*(cut short|broken)/),
  ]);
  expect(await said(ask('/v1/images?name=ct.txt', 'POST', phantom))).toEqual([
    400,
    expect.stringMatching(/^ct.txt: no volume; expected NIfTI/),
  ]);
  expect(await said(ask('/v1/images/none/lesions', 'POST', { clicks: [[1, 2, 3]] }))).toEqual([404, 'no image none']);
  const { id } = (await (await ask('/v1/images?name=ct.nii.gz', 'POST', phantom)).json()) as { id: string };
  expect(await said(ask(`/v1/images/${id}/lesions`, 'POST', { clicks: [[1, 2]] }))).toEqual([
    400,
    expect.stringMatching(/clicks\/0 must NOT have fewer than 3 items/),
  ]);
  expect(await said(ask(`/v1/images/${id}/lesions`, 'POST', { clicks: [[500, 2, 3]] }))).toEqual([
    400,
    expect.stringMatching(/click 500,2,3 lies outside the image/),
  ]);
});

test('an upload needs no content type, and a call with another than JSON is refused by name', async () => {
  const bare = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request(`${url}/v1/images?name=ct.nii.gz`, { method: 'POST', headers }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => {
        body += part.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    sent.on('error', reject);
    sent.end(phantom);
  });
  expect(bare.status).toBe(200);
  const { id } = JSON.parse(bare.body) as { id: string };
  const typed = await fetch(`${url}/v1/images/${id}/lesions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'text/plain' },
    body: '{"clicks": [[51, 45, 41]]}',
  });
  expect([typed.status, await typed.json()]).toEqual([
    415,
    { message: "the body's content type is text/plain; expected application/json" },
  ]);
});

test('an upload is one file of any name and type, and reads no other', async () => {
  const upload = async (name: string, body: Uint8Array, type = 'application/json') => {
    const response = await fetch(`${url}/v1/images?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': type },
      body: new Uint8Array(body),
    });
    return [response.status, ((await response.json()) as { message?: string }).message];
  };
  expect(await upload('ct.nii.gz', phantom)).toEqual([200, undefined]);
  expect(await upload(`../${'x'.repeat(300)}.nii.gz`, phantom)).toEqual([200, undefined]);
  expect(await upload('..', phantom)).toEqual([400, expect.stringMatching(/^\.\.: no volume; expected/)]);
  for (const [name, text] of [
    ['a.nhdr', 'NRRD0004\ntype: uchar\nsizes: 1 1 1\nencoding: raw\ndata file: /etc/passwd\n\n'],
    ['a.mhd', 'DimSize = 1 1 1\nElementType = MET_UCHAR\nElementDataFile = /etc/passwd\n'],
  ] as const) {
    expect(await upload(name, Buffer.from(text))).toEqual([
      400,
      `${name}: its voxels lie in another file; expected one that holds header and voxels, .nrrd or .mha`,
    ]);
  }
});

/** A compressed NIfTI file of zeros whose header says so. */
function zeros(side: number): Buffer {
  const image = createNifti([1, 1, 1], demo.readImage().affine, new Float32Array(1));
  const file = Buffer.alloc(352 + side ** 3);
  file.set(formatNifti(image, new Uint8Array(1), false));
  [3, side, side, side].forEach((value, i) => file.writeInt16LE(value, 40 + 2 * i));
  return gzipSync(file);
}

describe('a service with room for little', () => {
  const side = 64;
  const bytes = 4 * side ** 3;
  const serve = async (idleMilliseconds: number) => {
    const app = await createApi({
      session,
      preset: presets.kits!,
      mostImageBytes: bytes,
      mostHeldBytes: 2 * bytes,
      idleMilliseconds,
    });
    const own = await app.listen({ port: 0, host: '127.0.0.1' });
    const upload = async (file: Buffer) => {
      const response = await fetch(`${own}/v1/images?name=ct.nii.gz`, { method: 'POST', body: new Uint8Array(file) });
      return { status: response.status, ...((await response.json()) as { id: string; message: string }) };
    };
    const remove = async (id: string) => {
      const response = await fetch(`${own}/v1/images/${id}`, { method: 'DELETE' });
      return [response.status, response.status === 204 ? '' : ((await response.json()) as { message: string }).message];
    };
    return { upload, remove, close: () => app.close() };
  };

  test('an image that is too large is refused by its header, before it is unpacked', async () => {
    const { upload, close } = await serve(1000);
    expect(await upload(zeros(side + 1))).toEqual({
      status: 413,
      message: `ct.nii.gz: 65 x 65 x 65 voxels take ${4 * 65 ** 3} bytes in memory; expected at most ${bytes}`,
    });
    expect(await upload(randomBytes(2 * bytes + 2 ** 20 + 1))).toMatchObject({
      status: 413,
      message: expect.stringMatching(/^the upload is over \d+ bytes/) as string,
    });
    await close();
  });

  test('images in use stay, idle ones make room, and their clients are told', async () => {
    const busy = await serve(60_000);
    const [first, second] = [await busy.upload(zeros(side)), await busy.upload(zeros(side))];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(await busy.upload(zeros(side))).toMatchObject({
      status: 503,
      message: expect.stringMatching(/^the service holds 2 images of \d+ bytes, all in use lately/) as string,
    });
    expect(await busy.remove(first.id)).toEqual([204, '']);
    expect((await busy.upload(zeros(side))).status).toBe(200);
    expect(await busy.remove(first.id)).toEqual([404, `no image ${first.id}`]);
    await busy.close();

    const idle = await serve(0);
    const oldest = await idle.upload(zeros(side));
    await idle.upload(zeros(side));
    expect((await idle.upload(zeros(side))).status).toBe(200);
    expect(await idle.remove(oldest.id)).toEqual([
      410,
      `image ${oldest.id} was not used for a while and made room for others; upload it again`,
    ]);
    await idle.close();
  });
});
