/** The compiler's view: disassembly read by hand-counted examples, and what must never come back, as RADV compiles it. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { compilerView, radvEnvironment, type FormView } from '../../bench/isa/compiler-view.ts';
import { estimate } from '../../bench/isa/estimate.ts';
import { countsOf, noInstructions } from '../../bench/isa/instructions.ts';
import { disassembled } from '../../bench/isa/loops.ts';
import { reportOf, tableOf } from '../../bench/isa/report.ts';
import { formsOf } from '../../src/kernels/forms.ts';
import { linearForms } from '../../src/kernels/generated.ts';
import { driverSays, parseReadings, pipelineMark, type PipelineSource } from '../../src/node/gpu/driver-readings.ts';
import { kernelTable } from '../../src/node/reports/profile-report.ts';

test('an instruction is counted as what it does', () => {
  for (const [text, counts] of [
    ['v_fmac_f32_e32 v1, v2, v3', { vector: 1, fma: 1 }],
    ['v_fma_mix_f32 v1, v2, v3, v1', { vector: 1, fma: 1 }],
    ['v_fma_mixlo_f16 v8, 1.0, v7, neg(0) op_sel_hi:[0,0,1]', { vector: 1, float: 1 }],
    ['v_pk_fma_f16 v1, v2, v3, v1', { vector: 1, fma: 2 }],
    ['v_dual_fmac_f32 v1, v2, v3 :: v_dual_mul_f32 v4, v5, v6', { vector: 1, fma: 1, float: 1 }],
    ['v_mad_u32_u24 v1, v2, 3, v4', { vector: 1, integer: 1 }],
    ['v_exp_f32_e32 v1, v2', { vector: 1, transcendental: 1 }],
    ['v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]', { vector: 1, matrix: 1 }],
    ['ds_load_2addr_b64 v[0:3], v4 offset1:1', { lds: 1, ldsBytes: 16 }],
    ['ds_load_u16_d16 v1, v2', { lds: 1, ldsBytes: 2, lds16bit: 1 }],
    ['buffer_load_b128 v[0:3], v4, s[0:3], 0 offen', { global: 1, globalBytes: 16 }],
    ['buffer_load_dwordx2 v[0:1], v4, s[0:3], 0 offen', { global: 1, globalBytes: 8 }],
    ['scratch_store_b128 off, v[0:3], s0', { scratch: 1 }],
    ['s_waitcnt lgkmcnt(0)', { waits: 1 }],
    ['s_add_u32 s1, s1, 4', { scalar: 1 }],
  ] as const) {
    expect(countsOf(text), text).toEqual({ ...noInstructions, instructions: 1, ...counts });
  }
});

/** As ACO prints: 96 rounds by a scalar counter in steps of 8, and in each a loop over 64 places in steps of a wave's lanes. */
const nested = `
BB0:
	s_mov_b32 s4, 0                                             ; be840080
	v_mov_b32_e32 v2, v1                                        ; 7e040301
BB1:
	v_fmac_f32_e32 v4, v5, v6                                   ; 56080d05
	v_fmac_f32_e32 v4, v5, v6                                   ; 56080d05
BB2:
	ds_store_b128 v3, v[4:7]                                    ; db7c0000
	v_add_nc_u32_e32 v2, 32, v2                                 ; 4a0404a0
	v_cmp_le_u32_e32 vcc_lo, 64, v2                             ; 7d9604c0
	s_cbranch_vccz BB2                                          ; bfa3fff8
BB3:
	s_max_u32 s10, s0, s1                                       ; 8a8a0100
	s_add_u32 s4, s4, 8                                         ; 80048804
	s_cmp_eq_i32 s10, 0                                         ; bf00800a
	s_cmpk_ge_u32 s4, 0x300                                     ; b7840300
	s_cbranch_scc0 BB1                                          ; bfa1fcb6
BB4:
	s_endpgm                                                    ; bfb00000
`.split('\n');

test('loops: what they are made of, and their rounds', () => {
  const { straight, loops, lanes } = disassembled(nested);
  expect(lanes).toBe(32);
  expect(straight.instructions).toBe(3);
  const [outer] = loops;
  expect(outer).toMatchObject({ rounds: 96, own: { instructions: 7, fma: 2, scalar: 5 }, body: { instructions: 11 } });
  expect(outer!.inner).toMatchObject([{ rounds: 2, own: { instructions: 4, lds: 1, ldsBytes: 16, integer: 2 } }]);
});

test('a counter that may reach its limit goes round once more; comparisons of lanes are then no limit', () => {
  const inclusive = nested.map((line) => line.replace('s_cmpk_ge_u32 s4, 0x300', 's_cmp_lt_u32 24, s4'));
  const checked = inclusive.map((line) => line.replace('v_fmac_f32_e32 v4, v5, v6', 'v_cmp_le_u32_e32 vcc_lo, 4, v2'));
  expect(disassembled(checked).loops[0]!.rounds).toBe(4);
});

function viewOf(lines: readonly string[], changes: Partial<FormView> = {}): FormView {
  return {
    dispatch: 0,
    kernel: 'linear',
    form: 'linear 64x64',
    fit: '',
    shape: 'linear 768 x 768 f32',
    layer: 'blocks.0.attn',
    count: 1,
    operations: 0,
    bytes: 0,
    workgroups: 384,
    invocations: 64,
    vgprs: 64,
    scratchBytes: 0,
    spills: 0,
    ldsBytes: 0,
    waves: 16,
    instructions: 14,
    codeBytes: 100,
    disassembly: disassembled(lines),
    ...changes,
  };
}

const gpu = {
  product: 'by hand',
  computeUnits: 96,
  simdsPerUnit: 2,
  simdLanes: 32,
  gigahertz: 2,
  gigabytesPerSecond: 100,
};

test('an estimate is the slowest of what a wave keeps busy', () => {
  // 384 workgroups of two waves of 32 on 96 units: 8 waves a unit, 4 a SIMD. A wave's vector unit: 96 (2 + 2 x 2) + 1.
  // LDS: 96 x 2 stores of 512 bytes at 128 a cycle, 768 cycles a wave, 8 waves: 6,144. Vector: 4 x 577 = 2,308.
  expect(estimate(viewOf(nested), gpu)).toEqual({ milliseconds: 6144 / 2e6, boundBy: 'LDS' });
  // 10 MB at 100 GB/s.
  const moving = estimate(viewOf(nested, { bytes: 1e7 }), gpu);
  expect(moving.boundBy).toBe('memory');
  expect(moving.milliseconds).toBeCloseTo(0.1, 12);
});

test('a loop without a readable counter goes round until the operations come out', () => {
  const uncounted = nested.map((line) => line.replace('0x300', 's9'));
  expect(disassembled(uncounted).loops[0]!.rounds).toBeUndefined();
  // 768 waves of 32 lanes, 2 multiply-adds a round, 50 rounds.
  const { milliseconds } = estimate(viewOf(uncounted, { operations: 768 * 32 * 2 * 2 * 50 }), gpu);
  expect(milliseconds).toBeCloseTo((8 * 50 * 2 * 4) / 2e6, 6);
});

test('the report takes the form with the least estimate for each dispatch, the main loop first', () => {
  const slow = viewOf(nested, { form: 'linear 128x128', workgroups: 3840, operations: 3e9, count: 2 });
  const fast = viewOf(nested, { operations: 3e9, count: 2 });
  const report = reportOf('navi31', { pass: 'forward', config: 'tiny', precision: 'f32' }, [slow, fast], gpu);
  expect(report.totals.gflop).toBe(6);
  expect(report.totals.milliseconds).toBe((2 * 6144) / 2e6);
  expect(report.rows[0]!.loops.map(({ rounds, depth }) => [rounds, depth])).toEqual([
    [96, 0],
    [2, 1],
  ]);
  expect(tableOf(report, true)).toContain('loop of 11, 96 rounds: fma 2, integer 2, lds 1, scalar 6');
});

test('dispatches that leave compute units without a workgroup are listed', () => {
  const small = viewOf(nested, { dispatch: 1, layer: 'prompt', shape: '', form: 'softmax', workgroups: 95, count: 3 });
  const wanted = { pass: 'forward', config: 'tiny', precision: 'f32' } as const;
  expect(tableOf(reportOf('navi31', wanted, [viewOf(nested)], gpu), false)).not.toContain('fewer workgroups');
  expect(tableOf(reportOf('navi31', wanted, [viewOf(nested), small], gpu), false)).toMatch(
    /fewer workgroups than the GPU has compute units \(96\):\nsoftmax +prompt +3 x 95 workgroups, \d+\.\d{3} ms$/,
  );
});

/** Kernels on matrix units among some views, with what they were fitted to and their waves' lanes. */
const onUnits = (views: readonly FormView[]) => [
  ...new Set(
    views
      .map(({ form, fit, disassembly }) => ({ kernel: form.split(' ')[0]!, fit, lanes: disassembly.lanes }))
      .filter(({ kernel }) => kernel.endsWith('.subgroup-matrix'))
      .map(({ kernel, fit, lanes }) => `${kernel}: ${fit}, waves of ${lanes}`),
  ),
];

test('on RDNA 3 matrix units are candidates, in waves of 32, and compile; on RDNA 2 none is', () => {
  const wanted = { pass: 'forward', config: 'tiny', precision: 'f16', kernel: 'linear' } as const;
  expect(onUnits(compilerView('navi31', wanted))).toEqual([
    'linear.subgroup-matrix: f16 16x16x16, 32 lanes, waves of 32',
  ]);
  expect(onUnits(compilerView('navi21', wanted))).toEqual([]);
});

test('Tint takes every shape of matrix that a form names, and says nothing of it; with sides swapped it refuses', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'test/bench/matrix-modules.ts'], {
    encoding: 'utf8',
    env: radvEnvironment('navi31'),
  });
  const said = JSON.parse(stdout || JSON.stringify({ failed: stderr })) as Record<string, string[]>;
  const { swapped, ...modules } = said;
  expect(Object.keys(modules)).toContain('linear.subgroup-matrix 2x2x2 (f16 8x16x16, 32 lanes)');
  // by tiles and shapes of matrix: of linear, conv3d and weight-gradient, three of attention, and the ceiling
  expect(Object.keys(modules).length).toBe(4 * 4 + 3 * 4 + 4 * 4 + 3 * 2 + 4);
  expect(modules).toEqual(Object.fromEntries(Object.keys(modules).map((name) => [name, []])));
  expect(swapped!.join()).toContain('subgroupMatrixMultiplyAccumulate');
});

test("the driver's readings of single pipelines, as volsam profile asks for them and shows them", {
  tags: ['thorough'],
}, () => {
  const traits = {
    precision: 'f32',
    software: false,
    workgroupBytes: 16_384,
    features: new Set<string>(),
    subgroupSizes: undefined,
    matrices: [],
  } as const;
  const sources = formsOf(linearForms, traits)
    .slice(0, 2)
    .map(({ kernel, settings }): PipelineSource => {
      const overrides = { tokens: 64, inWidth: 768, outWidth: 768, ...settings };
      return { kernel, overrides, precision: 'f32' };
    });
  const env = { ...radvEnvironment('navi31'), RADV_DEBUG: 'nocache,shaderstats' };
  const [, ...sections] = driverSays(['dist/compile-worker.js'], JSON.stringify(sources), env).split(pipelineMark);
  const [first, second] = sections.map(parseReadings);
  const [viewed] = compilerView('navi31', { pass: 'forward', config: 'tiny', precision: 'f32', kernel: 'linear' });
  expect(first).toMatchObject({ vgprs: viewed!.vgprs, ldsBytes: viewed!.ldsBytes, waves: viewed!.waves });
  expect(second!.vgprs).toBeLessThan(256);
  const row = {
    name: 'linear',
    calls: 1,
    milliseconds: 2,
    share: 1,
    gflops: 3,
    gBps: 4,
    intensity: 5,
    roof: 'multiply-add',
    ofRoof: 0.5,
    spread: 0.02,
  } as const;
  const { head, rows } = kernelTable(
    [row],
    new Map([['linear', { ...first!, vgprs: 240, waves: 4, scratchBytes: 0 }]]),
  );
  expect(head.slice(9)).toEqual(['VGPRs', 'scratch', 'spills', 'LDS', 'waves', 'instructions']);
  expect(rows[0]!.slice(9, 12)).toEqual(['240', '0', '0']);
  expect(kernelTable([row], new Map()).head.length).toBe(9);
});

const forwardOnUnits = ['conv3d', 'linear', 'window-attention'];
const trainedOnUnits = [
  'conv3d',
  'linear',
  'weight-gradient',
  'window-attention.backward.key',
  'window-attention.backward.query',
  'window-attention',
];

for (const family of ['navi21', 'navi31']) {
  for (const pass of ['forward', 'train'] as const) {
    for (const precision of ['f32', 'f16'] as const) {
      test(`no form keeps anything in scratch memory: ${family}, ${pass}, ${precision}`, { tags: ['thorough'] }, () => {
        const views = compilerView(family, { pass, config: 'vit_b', precision });
        const found = views.filter(({ scratchBytes, spills }) => scratchBytes > 0 || spills > 0);
        expect([...new Set(found.map(({ form }) => form))]).toEqual([]);
        const kernels = pass === 'train' ? trainedOnUnits : forwardOnUnits;
        const fit = 'f16 16x16x16, 32 lanes, waves of 32';
        expect(onUnits(views).sort()).toEqual(
          family === 'navi31' && precision === 'f16' ? kernels.map((name) => `${name}.subgroup-matrix: ${fit}`) : [],
        );
      });
    }
  }
}
