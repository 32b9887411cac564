// Makes sure that there is a Chromium for the browser tests: on Debian and Ubuntu without one it is installed; elsewhere
// it says what to do.
import { becomesRoot, isDebianLike, runAsRoot } from './apt.ts';
import { chromiumPath } from '../test/web/chromium-path.ts';

function fail(reason: string): never {
  console.error(
    `volsam: the browser tests need Chromium or Chrome, and ${reason}; install one, or name it in CHROMIUM_PATH`,
  );
  process.exit(1);
}

if (!chromiumPath()) {
  if (!isDebianLike()) {
    fail('this script can install it on Debian and Ubuntu only');
  }
  if (!becomesRoot()) {
    fail('installing it takes root');
  }
  console.log('volsam: installing chromium for the browser tests');
  if (
    !runAsRoot('apt-get', ['update', '-qq']) ||
    !runAsRoot('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'])
  ) {
    fail('apt-get did not install it (see above)');
  }
  if (!chromiumPath()) {
    fail('apt-get installed a package without it');
  }
}
