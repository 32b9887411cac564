/** What case-view.test.ts runs in the browser: the view alone, without a model. */
import { parseNifti } from '../../src/formats/nifti.ts';
import { createCaseView, type CaseView } from '../../src/web/case-view.ts';
import { lesionIn } from '../../src/lesions/lesion-mask.ts';

const stage = document.createElement('div');
stage.style.cssText = 'position: relative; width: 900px; height: 700px';
const canvas = Object.assign(document.createElement('canvas'), { id: 'case' });
canvas.style.cssText = 'position: absolute; inset: 0; width: 100%; height: 100%';
stage.append(canvas);
document.body.append(stage);

const clicked: (readonly number[])[] = [];
const drawn: Uint8Array[] = [];
let view: CaseView;

export const caseViewTest = {
  clicked,
  async start() {
    view = await createCaseView(canvas, { clicked: (voxel) => clicked.push(voxel), drawn: (grid) => drawn.push(grid) });
  },
  /** Shows a label file as the image: its lesion is white. */
  async load(url: string, value: number, middle: readonly number[]) {
    const blob = await (await fetch(url)).blob();
    await view.load(blob, url.split('/').at(-1)!);
    view.setWindow(value - 1, value);
    view.setOpacity(1);
    view.goTo(middle);
  },
  /** Lays the same lesion over it. */
  async show(url: string, value: number) {
    const label = parseNifti(new Uint8Array(await (await fetch(url)).arrayBuffer()));
    view.show([{ mask: lesionIn(label.values, label.dims, value), value: 1 }]);
  },
  /** Resolves when the picture shows it. */
  async goTo(voxel: readonly number[]) {
    view.goTo(voxel);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
  },
  setTool: (tool: 'segment' | 'pen' | 'eraser') => view.setTool(tool, 1),
  /** Voxels of the last drawing, as indices on the file's grid. */
  lastDrawn: () => [...drawn.at(-1)!.keys()].filter((index) => drawn.at(-1)![index] === 1),
};

Object.assign(globalThis, { caseViewTest });
