// A click in a file to a mask: node examples/click.mjs ct.nii.gz model.safetensors
import { openGpu, presets, readVolume, readWeights, Sam3D, segmentImage, writeVolume } from 'volsam';

const [imagePath, weightsPath] = process.argv.slice(2);
const gpu = await openGpu();
const sam = await Sam3D.create(gpu, await readWeights(weightsPath));
const { image } = await readVolume(imagePath);
const { mask, millilitres } = await segmentImage(sam, image, [[51, 45, 41]], presets.kits); // voxel indices (i, j, k)
await writeVolume('mask.nii.gz', image, mask);
console.log(`${millilitres.toFixed(2)} ml`);
gpu.close();
