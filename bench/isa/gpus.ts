/** What the estimate knows of an AMD GPU: one product of each family, from its maker's data sheet. */
export interface GpuRates {
  readonly product: string;
  readonly computeUnits: number;
  readonly simdsPerUnit: number;
  readonly gigahertz: number;
  readonly gigabytesPerSecond: number;
  /** Lanes of a SIMD: a wave of 64 takes the vector unit twice on RDNA, four times on GCN. */
  readonly simdLanes: number;
  /** Cycles of a SIMD for a product of 16 x 16 x 16 halves; undefined without matrix units. */
  readonly matrixCycles?: number;
}

const rdna = { simdsPerUnit: 2, simdLanes: 32 } as const;
const gcn = { simdsPerUnit: 4, simdLanes: 16 } as const;

export const gpuRates: Readonly<Record<string, GpuRates>> = {
  polaris10: { ...gcn, product: 'Radeon RX 480', computeUnits: 36, gigahertz: 1.27, gigabytesPerSecond: 256 },
  vega10: { ...gcn, product: 'Radeon RX Vega 64', computeUnits: 64, gigahertz: 1.55, gigabytesPerSecond: 484 },
  navi21: { ...rdna, product: 'Radeon RX 6800', computeUnits: 60, gigahertz: 2.1, gigabytesPerSecond: 512 },
  navi31: {
    ...rdna,
    product: 'Radeon RX 7900 XTX',
    computeUnits: 96,
    gigahertz: 2.5,
    gigabytesPerSecond: 960,
    matrixCycles: 32,
  },
  gfx1201: {
    ...rdna,
    product: 'Radeon RX 9070 XT',
    computeUnits: 64,
    gigahertz: 2.97,
    gigabytesPerSecond: 640,
    matrixCycles: 16,
  },
};
