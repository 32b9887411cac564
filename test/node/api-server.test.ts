/** The HTTP service over a real port, with the shipped case. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseNifti } from '../../src/formats/nifti.ts';
import { createApi } from '../../src/node/servers/api-server.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { readWeights } from '../../src/node/files/weights-file.ts';
import { presets } from '../../src/volume/preset.ts';
import { createSession, type Session } from '../../src/lesions/session.ts';
import { demo } from '../setup/demo.ts';

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

function ask(
  path: string,
  method = 'GET',
  body?: Buffer | object,
  headers: Record<string, string> = { authorization: `Bearer ${token}` },
): Promise<Response> {
  const isFile = Buffer.isBuffer(body);
  return fetch(url + path, {
    method,
    headers: { ...headers, ...(body && { 'content-type': isFile ? 'application/octet-stream' : 'application/json' }) },
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
    ['/v1/images/{image}/lesions', ['post']],
    ['/v1/images/{image}/lesions/{lesion}/mask.nii.gz', ['get']],
    ['/v1/images/{image}', ['delete']],
  ]);
  expect(document.security).toEqual([{ token: [] }]);
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
  expect(await said(ask('/v1/images/none/lesions', 'POST', { clicks: [[1, 2, 3]] }))).toEqual([
    404,
    'no image none; it may have made room for others',
  ]);
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
