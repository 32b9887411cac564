/** The case on the screen: three planes and a 3D view by NiiVue, lesions as its drawing layer, clicks out of it. */
import { cmapper, DRAG_MODE, MULTIPLANAR_TYPE, Niivue, SHOW_RENDER, SLICE_TYPE } from '@niivue/niivue';
import type { AxisOrder } from '../volume/orientation.ts';
import type { LesionMask } from '../lesions/lesion-mask.ts';
import { eachRow, type Triple } from '../volume/box.ts';
import { colourOf } from './colours.ts';

export type Tool = 'segment' | 'look' | 'pen' | 'eraser';

export interface CaseView {
  /** Shows another image. @param file a NIfTI file, unpacked */
  load(file: Blob, name: string): Promise<void>;
  /** @param lesions in the order in which they are painted */
  show(lesions: readonly { readonly mask: LesionMask; readonly value: number }[]): void;
  setOpacity(opacity: number): void;
  /** Intensities that become black and white. */
  setWindow(low: number, high: number): void;
  setTool(tool: Tool, value: number): void;
  /** Moves the crosshair by voxels to the right, to the front and to the head. */
  move(right: number, front: number, head: number): void;
  /** The voxel (i, j, k) of the file under the crosshair; undefined where nothing is shown. */
  crosshair(): Triple | undefined;
  /** Puts the crosshair on a voxel (i, j, k) of the file. */
  goTo(voxel: readonly number[]): void;
  dispose(): void;
}

export interface CaseViewEvents {
  /** A click in one of the three planes, as a voxel (i, j, k) of the file. */
  clicked(voxel: Triple): void;
  /** The pen was lifted: the label map of the file's grid, i fastest. */
  drawn(grid: Uint8Array): void;
}

/** A press that moves or lasts longer than this is no click. */
const clickPixels = 4;
const clickMilliseconds = 600;

/** Where NiiVue's grid, whose axes run to the right, the front and the head, lies in the file's. */
function fileAxes(permutation: readonly number[]): AxisOrder[] {
  return permutation.map((axis) => ({ fileAxis: Math.abs(axis) - 1, flipped: axis < 0 }));
}

/** For each axis of the file, the place on NiiVue's grid of each of its voxels. */
function placesOf(axes: readonly AxisOrder[], dims: Triple): Int32Array[] {
  const places: Int32Array[] = [];
  let stride = 1;
  for (const { fileAxis, flipped } of axes) {
    const [side, step] = [dims[fileAxis]!, stride];
    places[fileAxis] = Int32Array.from({ length: side }, (_, voxel) => (flipped ? side - 1 - voxel : voxel) * step);
    stride *= side;
  }
  return places;
}

function toFile(axes: readonly AxisOrder[], dims: Triple, at: ArrayLike<number>): Triple {
  const voxel = [0, 0, 0];
  axes.forEach(({ fileAxis, flipped }, axis) => {
    const inside = Math.min(Math.max(Math.round(at[axis]!), 0), dims[fileAxis]! - 1);
    voxel[fileAxis] = flipped ? dims[fileAxis]! - 1 - inside : inside;
  });
  return voxel as unknown as Triple;
}

function lesionColours() {
  const colours = Array.from({ length: 256 }, (_, value) => (value === 0 ? [0, 0, 0] : colourOf(value)));
  const channel = (index: number) => colours.map((colour) => colour[index]!);
  return cmapper.makeDrawLut({
    R: channel(0),
    G: channel(1),
    B: channel(2),
    A: colours.map((_, value) => (value === 0 ? 0 : 255)),
    I: colours.map((_, value) => value),
    labels: [],
  });
}

function createNiivue(): Niivue {
  const niivue = new Niivue({
    dragAndDropEnabled: false,
    isRadiologicalConvention: true,
    multiplanarShowRender: SHOW_RENDER.ALWAYS,
    multiplanarLayout: MULTIPLANAR_TYPE.GRID,
    multiplanarForceRender: true,
    show3Dcrosshair: true,
    crosshairColor: [0, 0.86, 1, 0.7],
    crosshairGap: 6,
    crosshairWidth: 0.4,
    dragMode: DRAG_MODE.pan,
    isCornerOrientationText: false,
    backColor: [0.04, 0.05, 0.07, 1],
    fontColor: [0.7, 0.75, 0.8, 1],
    logLevel: 'error',
    loadingText: '',
    drawingEnabled: false,
  });
  niivue.setSliceType(SLICE_TYPE.MULTIPLANAR);
  return niivue;
}

/**
 * NiiVue draws on every movement of the mouse, and waits each time until the GPU has drawn; the page would stand still for
 * as long. This makes it draw once a frame, without waiting.
 */
function drawOncePerFrame(niivue: Niivue): void {
  niivue.gl.finish = () => undefined;
  const draw = niivue.drawScene.bind(niivue);
  let isAsked = false;
  niivue.drawScene = () => {
    if (!isAsked) {
      isAsked = true;
      requestAnimationFrame(() => {
        isAsked = false;
        draw();
      });
    }
  };
}

export async function createCaseView(canvas: HTMLCanvasElement, events: CaseViewEvents): Promise<CaseView> {
  const niivue = createNiivue();
  await niivue.attachToCanvas(canvas);
  niivue.drawLut = lesionColours(); // attaching sets the default ones
  drawOncePerFrame(niivue);
  let [dims, axes]: [Triple, AxisOrder[]] = [[0, 0, 0], []];
  let tool: Tool = 'segment';
  let pressed: { x: number; y: number; at: number } | undefined;

  /** What lies on the drawing layer, on the file's grid. */
  function drawing(): Uint8Array {
    const [is, js, ks] = placesOf(axes, dims) as [Int32Array, Int32Array, Int32Array];
    const bitmap = niivue.drawBitmap!;
    const grid = new Uint8Array(bitmap.length);
    let index = 0;
    for (const k of ks) {
      for (const j of js) {
        for (const i of is) {
          grid[index++] = bitmap[i + j + k]!;
        }
      }
    }
    return grid;
  }

  function crosshair(): Triple | undefined {
    return axes.length > 0 ? toFile(axes, dims, niivue.frac2vox(niivue.scene.crosshairPos)) : undefined;
  }

  function onPlane({ offsetX, offsetY }: PointerEvent): boolean {
    const ratio = niivue.uiData.dpr ?? 1;
    const tile = niivue.tileIndex(offsetX * ratio, offsetY * ratio);
    return tile >= 0 && niivue.screenSlices[tile]!.axCorSag <= SLICE_TYPE.SAGITTAL;
  }

  const down = ({ offsetX: x, offsetY: y, button, timeStamp: at }: PointerEvent) => {
    pressed = button === 0 ? { x, y, at } : undefined;
  };
  const up = (event: PointerEvent) => {
    const start = pressed;
    pressed = undefined;
    if (!start || axes.length === 0) {
      return;
    }
    if (tool === 'pen' || tool === 'eraser') {
      events.drawn(drawing());
      return;
    }
    const isClick =
      Math.hypot(event.offsetX - start.x, event.offsetY - start.y) <= clickPixels &&
      event.timeStamp - start.at < clickMilliseconds;
    if (isClick && tool === 'segment' && onPlane(event)) {
      events.clicked(crosshair()!);
    }
  };
  canvas.addEventListener('pointerdown', down);
  // NiiVue moves its crosshair, or ends its stroke, on the mouse events that follow.
  canvas.addEventListener('pointerup', (event) => setTimeout(() => up(event)));

  return {
    async load(file, name) {
      [axes, niivue.drawBitmap] = [[], null];
      await niivue.loadVolumes([]);
      await niivue.loadFromArrayBuffer(await file.arrayBuffer(), name.replace(/\.gz$/i, '')); // it is unpacked
      const [volume] = niivue.volumes;
      dims = volume!.hdr!.dims.slice(1, 4) as unknown as Triple;
      axes = fileAxes(volume!.permRAS!);
      niivue.createEmptyDrawing();
      niivue.setRenderAzimuthElevation(200, 15);
    },
    show(lesions) {
      if (axes.length === 0) {
        return;
      }
      const [is, js, ks] = placesOf(axes, dims) as [Int32Array, Int32Array, Int32Array];
      const bitmap = niivue.drawBitmap!.fill(0);
      for (const { mask, value } of lesions) {
        eachRow(mask, dims, (inBox, onGrid) => {
          const row = js[Math.floor(onGrid / dims[0]) % dims[1]]! + ks[Math.floor(onGrid / (dims[0] * dims[1]))]!;
          for (let i = 0; i < mask.dims[0]; i++) {
            if (mask.voxels[inBox + i]) {
              bitmap[row + is[mask.origin[0] + i]!] = value;
            }
          }
        });
      }
      niivue.refreshDrawing(true);
    },
    setOpacity: (opacity) => niivue.setDrawOpacity(opacity),
    setWindow(low, high) {
      const [volume] = niivue.volumes;
      if (volume) {
        [volume.cal_min, volume.cal_max] = [low, high];
        niivue.updateGLVolume();
      }
    },
    setTool(next, value) {
      tool = next;
      const draws = tool === 'pen' || tool === 'eraser';
      niivue.setDrawingEnabled(draws);
      niivue.setPenValue(tool === 'eraser' ? 0 : value, false);
    },
    move: (right, front, head) => niivue.moveCrosshairInVox(right, front, head),
    crosshair,
    goTo(voxel) {
      const at = axes.map(({ fileAxis, flipped }) =>
        flipped ? dims[fileAxis]! - 1 - voxel[fileAxis]! : voxel[fileAxis]!,
      );
      niivue.scene.crosshairPos = niivue.vox2frac(at as [number, number, number]);
      niivue.drawScene();
    },
    dispose: () => niivue.cleanup(),
  };
}
