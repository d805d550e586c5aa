import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';
import { CacheProvider, type EmotionCache } from '@emotion/react';
import { EuiProvider } from '@elastic/eui';

export type ColorMode = 'dark' | 'light';

const STORED_AS = 'datapulse.color_mode';

const Theme = createContext<{ mode: ColorMode; toggle: () => void }>({ mode: 'dark', toggle: () => undefined });

export function useTheme() {
  return useContext(Theme);
}

function storedMode(): ColorMode {
  try {
    return localStorage.getItem(STORED_AS) === 'light' ? 'light' : 'dark';
  } catch {
    return 'dark';
  }
}

export function ThemeProvider({ cache, children }: { cache: EmotionCache; children: ReactNode }) {
  const [mode, setMode] = useState<ColorMode>(storedMode);
  const value = useMemo(
    () => ({
      mode,
      toggle: () => {
        const next = mode === 'dark' ? 'light' : 'dark';
        setMode(next);
        try {
          localStorage.setItem(STORED_AS, next);
        } catch {
          // A browser that keeps nothing still shows the chosen mode until it is closed.
        }
      },
    }),
    [mode],
  );
  return (
    <Theme.Provider value={value}>
      <CacheProvider value={cache}>
        <EuiProvider colorMode={mode} cache={cache}>
          {children}
        </EuiProvider>
      </CacheProvider>
    </Theme.Provider>
  );
}
