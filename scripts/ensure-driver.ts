// Makes sure that WebGPU finds an adapter. Does nothing where one answers; on Debian and Ubuntu without one it installs
// Mesa's software Vulkan driver (lavapipe); elsewhere it says what to do.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { becomesRoot, isDebianLike, osRelease, runAsRoot } from './apt.ts';

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const packages = ['libvulkan1', 'mesa-vulkan-drivers'];

/** In a process of its own: a Vulkan loader that found nothing does not look again. */
function adapterAnswers(): boolean {
  const probe = 'import { create } from "webgpu"; process.exit((await create([]).requestAdapter()) ? 0 : 1);';
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', probe], {
    stdio: 'ignore',
    env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env },
  });
  return status === 0;
}

function fail(reason: string, commands: readonly string[]): never {
  console.error(`volsam: WebGPU finds no adapter on this machine, and ${reason}:`);
  commands.forEach((command) => console.error(`  ${command}`));
  process.exit(1);
}

interface Source {
  uri: string;
  release: string;
  component: string;
}

/** The package sources that the machine itself uses. */
function aptSources(): Source[] {
  const listed = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI)|$(RELEASE)|$(COMPONENT)', 'Identifier: Packages'],
    { encoding: 'utf8' },
  );
  return listed
    .trim()
    .split('\n')
    .map((line) => {
      const [uri, release, component] = line.split('|');
      return { uri: uri!, release: release!, component: component! };
    });
}

/** Debian 12's own Mesa is too old for WebGPU; its backports have a newer one, on the same mirror. */
function backportsSource(codename: string): { file: string; text: string } | undefined {
  const sources = aptSources();
  const own = sources.find(({ release, component }) => release === codename && component === 'main');
  if (!own || sources.some(({ release }) => release === `${codename}-backports`)) {
    return undefined;
  }
  const signedBy = existsSync(debianKeyring) ? `Signed-By: ${debianKeyring}\n` : '';
  return {
    file: '/etc/apt/sources.list.d/volsam-backports.sources',
    text: `Types: deb\nURIs: ${own.uri}\nSuites: ${codename}-backports\nComponents: main\n${signedBy}`,
  };
}

function install(): void {
  if (!isDebianLike()) {
    fail(
      'this script can install one on Debian and Ubuntu only; here',
      process.platform === 'linux'
        ? [
            "install your GPU vendor's driver with Vulkan, or Mesa's software driver, 24.0 or newer:",
            'Fedora: sudo dnf install mesa-vulkan-drivers vulkan-loader',
            'Arch:   sudo pacman -S vulkan-swrast vulkan-icd-loader',
            'Alpine: sudo apk add mesa-vulkan-swrast vulkan-loader',
          ]
        : ['install or update the graphics driver'],
    );
  }
  const { VERSION_CODENAME: codename } = osRelease();
  const backports = codename === 'bookworm' ? backportsSource(codename) : undefined;
  const release = codename === 'bookworm' ? ['-t', 'bookworm-backports'] : [];
  if (!becomesRoot()) {
    fail('installing one takes root; these commands do it', [
      ...(backports ? [`printf '${backports.text.replaceAll('\n', '\\n')}' | sudo tee ${backports.file}`] : []),
      'sudo apt-get update',
      `sudo apt-get install -y ${release.join(' ')} ${packages.join(' ')}`,
    ]);
  }
  console.log("volsam: WebGPU finds no adapter on this machine; installing Mesa's software Vulkan driver (lavapipe)");
  if (backports) {
    console.log(`volsam: writing ${backports.file}: Debian 12's own Mesa is too old, its backports are not`);
    runAsRoot('tee', [backports.file], backports.text);
  }
  console.log(`volsam: apt-get update && apt-get install ${release.join(' ')} ${packages.join(' ')}`);
  runAsRoot('apt-get', ['update', '-qq']); // a third party's broken source fails this, and need not stop the installation
  if (!runAsRoot('apt-get', ['install', '-y', '-qq', ...release, ...packages])) {
    fail('apt-get could not install one', ['see its messages above']);
  }
}

if (!adapterAnswers()) {
  install();
  if (!adapterAnswers()) {
    fail('it refuses the driver that was installed', [
      "it needs Mesa 24.0 or newer, or a GPU with its vendor's Vulkan driver",
    ]);
  }
  console.log('volsam: the software device answers');
}
