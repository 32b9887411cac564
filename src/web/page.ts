/** The page: its state, what a person does to it, and what follows. */
import { proxy, transfer } from 'comlink';
import { render } from 'lit';
import type { Click } from '../volume/clicks.ts';
import { createCaseView, type CaseView } from './case-view.ts';
import { drawKernels, drawLosses } from './charts.ts';
import { connectEngine } from './connect-engine.ts';
import { download, fetched, slugOf, stemOf } from './downloads.ts';
import { listenToFiles, listenToKeys } from './gestures.ts';
import {
  activated,
  activeLesion,
  added,
  changed,
  cleared,
  emptyHistory,
  redone,
  removed,
  renamed,
  undone,
  type History,
} from './lesion-book.ts';
import type { Actions, PageState, Work } from './page-state.ts';
import { pageTemplate } from './page-template.ts';
import { sentenceOf } from './sentences.ts';
import { presets } from '../volume/preset.ts';

const { engine } = connectEngine();
let view: CaseView;
let state: PageState = {
  image: undefined,
  weights: undefined,
  preset: 'kits',
  history: emptyHistory,
  tool: 'segment',
  opacity: 0.6,
  masksShown: true,
  work: undefined,
  error: undefined,
  note: '',
  readiness: undefined,
  last: undefined,
  teaching: { steps: 20, learningRate: 4e-4, losses: [], isTaught: false },
  profile: undefined,
  benchmark: undefined,
  isOver: false,
};

function set(changes: Partial<PageState>): void {
  state = { ...state, ...changes };
  render(pageTemplate(state, actions), document.body);
}

function setHistory(history: History): void {
  set({ history });
  showMasks();
}

function showMasks(): void {
  const {
    present: { lesions, active },
  } = state.history;
  // The active lesion lies on top.
  const inOrder = [...lesions].sort((a, b) => Number(a.value === active) - Number(b.value === active));
  view.show(inOrder.flatMap(({ mask, value }) => (mask ? [{ mask, value }] : [])));
}

/** Runs one piece of work at a time, shows that it runs, and says what went wrong. @returns whether it was done */
async function working(work: Work, doing: () => Promise<Partial<PageState>>): Promise<boolean> {
  if (state.work) {
    set({ note: 'One thing at a time: the last one still runs.' });
    return false;
  }
  set({ work, error: undefined, note: '' });
  try {
    set({ ...(await doing()), work: undefined });
    return true;
  } catch (error) {
    const sentence = sentenceOf(error);
    set({ work: undefined, ...(sentence === null ? { note: 'Stopped.' } : { error: sentence }) });
    return false;
  }
}

const say = (what: string, share?: number, cancellable = false) => set({ work: { what, share, cancellable } });

async function loadImage(files: readonly File[]): Promise<Partial<PageState> & { notes: readonly string[] }> {
  const { shown, name, notes } = await engine.loadImage([...files]); // refused here, before anything on the screen is given up
  await view.load(shown, name);
  view.setTool(state.tool, 1);
  view.setOpacity(state.masksShown ? state.opacity : 0);
  view.setWindow(...presets[state.preset]!.clip);
  return { image: { name }, history: emptyHistory, last: undefined, profile: undefined, notes };
}

function open(files: Iterable<File>): void {
  void working({ what: 'Reading files', share: undefined, cancellable: false }, async () => {
    const dropped = [...files];
    const [weights, volume] = [true, false].map((areWeights) =>
      dropped.filter(({ name }) => name.endsWith('.safetensors') === areWeights),
    ) as [File[], File[]];
    for (const file of weights) {
      set(await loadWeights(file));
    }
    if (volume.length === 0) {
      return { note: 'The weights are loaded.' };
    }
    const { notes, ...loaded } = await loadImage(volume);
    return { ...loaded, note: [...notes, 'Click a lesion in one of the planes.'].join(' · ') };
  }).then(getReady);
}

async function loadWeights(file: File): Promise<Partial<PageState>> {
  const weights = await engine.loadWeights(file);
  return { weights, last: undefined, profile: undefined, teaching: { ...state.teaching, losses: [], isTaught: false } };
}

/** Compiles the model while a person looks at the image that was loaded; a click meanwhile waits for it. */
async function getReady(isLoaded: boolean): Promise<void> {
  if (!isLoaded || !state.image || !state.weights) {
    return;
  }
  try {
    await engine.warmUp(proxy((readiness: number) => set({ readiness })));
  } catch (error) {
    const sentence = sentenceOf(error);
    set(sentence === null ? {} : { error: sentence });
  }
  set({ readiness: undefined });
}

function takeDemo(): void {
  void working({ what: 'Fetching the demo', share: undefined, cancellable: false }, async () => {
    const at = (name: string) => new URL(`demo/${name}`, document.baseURI).href;
    const weights = await engine.fetchWeights(
      at('demo_phantom.safetensors'),
      proxy((bytes: number, total: number | undefined) => say('Fetching the weights', total && bytes / total)),
    );
    set({ preset: (await engine.setPreset('kits')).name });
    const { notes: _, ...image } = await loadImage([
      new File([await fetched(at('phantom_ct.nii.gz'))], 'phantom_ct.nii.gz'),
    ]);
    const { click_ijk: click } = JSON.parse(await (await fetched(at('case.json'))).text()) as { click_ijk: number[] };
    view.goTo(click);
    return { ...image, weights, note: 'The crosshair is on the lesion: click it.' };
  }).then(getReady);
}

/** Clicks of the active lesion, and the mask that the model answers with. */
function segment(click: Click): void {
  void working({ what: 'Segmenting', share: undefined, cancellable: true }, async () => {
    const lesion = activeLesion(state.history);
    const clicks = [...lesion.clicks, click];
    const { mask, measures, ...last } = await engine.segment(
      clicks,
      proxy((stage: string, share: number) => say(`Segmenting: ${stage}`, share, true)),
    );
    setHistory(changed(state.history, { ...lesion, clicks, mask, measures }));
    const note =
      measures.voxels === 0
        ? `${lesion.name}: the model finds nothing there.`
        : `${lesion.name}: ${measures.millilitres.toFixed(2)} ml.`;
    return { note, last: { ...last, encoded: last.encoded > 0 }, profile: undefined };
  });
}

/** The active lesion as the pen left it. */
function corrected(grid: Uint8Array): void {
  void working({ what: 'Taking the correction', share: undefined, cancellable: false }, async () => {
    const lesion = activeLesion(state.history);
    const found = await engine.lesionIn(transfer(grid, [grid.buffer]), lesion.value);
    setHistory(changed(state.history, { ...lesion, ...found }));
    return { note: `${lesion.name}, corrected: ${found.measures.millilitres.toFixed(2)} ml.` };
  });
}

async function save(lesions: History['present']['lesions'], name: string, isMap: boolean): Promise<void> {
  const saved = lesions.flatMap(({ mask, value }) => (mask ? [{ mask, value: isMap ? value : 1 }] : []));
  download(`${stemOf(state.image!.name)}-${name}.nii.gz`, (await engine.save(saved)) as Uint8Array<ArrayBuffer>);
}

function teach(): void {
  const { steps, learningRate } = state.teaching;
  void working({ what: 'Teaching: uploading', share: 0, cancellable: true }, async () => {
    actions.setTeaching({ losses: [] });
    const masks = state.history.present.lesions.flatMap(({ mask }) => (mask && mask.voxels.length > 0 ? [mask] : []));
    await engine.teach(
      masks,
      steps,
      learningRate,
      proxy((step: number, loss: number) => {
        actions.setTeaching({ losses: [...state.teaching.losses, loss] });
        say(`Teaching: step ${step + 1} of ${steps}, loss ${loss.toFixed(4)}`, (step + 1) / steps, true);
      }),
    );
    return {
      teaching: { ...state.teaching, isTaught: true },
      last: undefined,
      profile: undefined,
      note: 'The next click asks the taught model.',
    };
  });
}

const actions: Actions = {
  open,
  takeDemo,
  teach,
  forgetWeights: () =>
    void working({ what: 'Forgetting', share: undefined, cancellable: false }, async () => {
      await engine.forgetWeights();
      return { note: 'No weights are kept in this browser any more.' };
    }),
  setPreset: (text) =>
    void working({ what: 'Taking the preset', share: undefined, cancellable: false }, async () => {
      const { name, clip } = await engine.setPreset(text);
      view.setWindow(...clip);
      return { preset: name };
    }),
  setTool(tool) {
    view.setTool(tool, state.history.present.active);
    set({ tool });
  },
  setOpacity(opacity) {
    view.setOpacity(opacity);
    set({ opacity, masksShown: true });
  },
  toggleMasks() {
    view.setOpacity(state.masksShown ? 0 : state.opacity);
    set({ masksShown: !state.masksShown });
  },
  undo: () => setHistory(undone(state.history)),
  redo: () => setHistory(redone(state.history)),
  clear: () => setHistory(cleared(state.history)),
  addLesion: () => activate(added(state.history)),
  activate: (value) => activate(activated(state.history, value)),
  rename: (value, name) => set({ history: renamed(state.history, value, name) }),
  remove: (value) => activate(removed(state.history, value)),
  saveMap: () =>
    void working({ what: 'Saving', share: undefined, cancellable: false }, async () => {
      await save(state.history.present.lesions, 'lesions', true);
      return { note: 'Saved one label map.' };
    }),
  saveEach: () =>
    void working({ what: 'Saving', share: undefined, cancellable: false }, async () => {
      const lesions = state.history.present.lesions.filter(({ mask }) => mask);
      for (const lesion of lesions) {
        await save([lesion], `${slugOf(lesion.name)}-${lesion.value}`, false);
      }
      return { note: `Saved ${lesions.length} ${lesions.length === 1 ? 'mask' : 'masks'}.` };
    }),
  cancel: () => void engine.cancel(),
  dismissError: () => set({ error: undefined }),
  setTeaching(changes) {
    set({ teaching: { ...state.teaching, ...changes } });
    drawLosses(document.querySelector<HTMLCanvasElement>('#losses')!, state.teaching.losses);
  },
  saveTaught: () =>
    void working({ what: 'Saving', share: undefined, cancellable: false }, async () => {
      download('taught.safetensors', (await engine.taughtTensors()) as Uint8Array<ArrayBuffer>);
      return { note: 'Saved the trained tensors.' };
    }),
  profile: () =>
    void working({ what: 'Profiling the last call', share: undefined, cancellable: false }, async () => {
      const profile = await engine.profile();
      set({ profile });
      drawKernels(document.querySelector<HTMLCanvasElement>('#kernels')!, profile.kernels);
      return {};
    }),
  runBenchmark: (config) =>
    void working({ what: 'Benchmark', share: undefined, cancellable: true }, async () => {
      const found = await engine.benchmark(
        config,
        proxy((what: string) => say(`Benchmark: ${what}`, undefined, true)),
      );
      return { benchmark: found, note: `Benchmark of ${found.adapter.name}: save the figures to share them.` };
    }).then(getReady),
  saveBenchmark: () => download('volsam-benchmark.json', JSON.stringify(state.benchmark, undefined, 2)),
  saveTrace: () => download('volsam-trace.json', state.profile!.trace),
};

/** The pen paints with the active lesion's colour. */
function activate(history: History): void {
  setHistory(history);
  view.setTool(state.tool, state.history.present.active);
}

async function recallWeights(): Promise<Partial<PageState>> {
  const weights = await engine.recallWeights();
  return weights ? { weights, note: `The weights of your last visit are loaded: ${weights.name}.` } : {};
}

set({});
view = await createCaseView(document.querySelector<HTMLCanvasElement>('#case')!, {
  clicked: segment,
  drawn: corrected,
});
listenToFiles(open, (isOver) => set({ isOver }));
listenToKeys({
  move: (right, front, head) => view.move(right, front, head),
  undo: actions.undo,
  redo: actions.redo,
  toggleMasks: actions.toggleMasks,
  segment() {
    const voxel = view.crosshair();
    if (voxel) {
      segment(voxel);
    }
  },
});
if ('serviceWorker' in navigator) {
  navigator.serviceWorker
    .register(new URL('service-worker.js', document.baseURI))
    .catch(() => set({ note: 'This page will not work offline: the browser keeps no copy of it.' }));
}
await working({ what: 'Starting', share: undefined, cancellable: false }, recallWeights);
