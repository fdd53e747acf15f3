/** Charts as SVG, by echarts, which needs neither a browser nor a screen for that. */
import { type EChartsOption, init } from "echarts";

export type Theme = "light" | "dark";

export interface Colours {
  readonly background: string;
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  /** By side: kv, its event loop, redis-server, others. */
  readonly kv: string;
  readonly loop: string;
  readonly redis: string;
  readonly other: string;
}

/** GitHub's own, of its pages in either theme. */
const themes: Readonly<Record<Theme, Colours>> = {
  light: {
    ...{ background: "#ffffff", text: "#1f2328", faint: "#59636e", line: "#d1d9e0" },
    ...{ kv: "#0969da", loop: "#1a7f37", redis: "#cf222e", other: "#9a6700" },
  },
  dark: {
    ...{ background: "#0d1117", text: "#f0f6fc", faint: "#9198a1", line: "#3d444d" },
    ...{ kv: "#4493f8", loop: "#3fb950", redis: "#f85149", other: "#d29922" },
  },
};

const fontFamily = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

export interface Chart {
  /** Of its file, without the ending. */
  readonly name: string;
  /** For those who cannot see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly option: (colours: Colours) => EChartsOption;
}

/** The same bytes for the same chart, in any process. */
export function renderSvg(chart: Chart, theme: Theme): string {
  const { width, height, option } = chart;
  const colours = themes[theme];
  const instance = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    instance.setOption({
      animation: false,
      backgroundColor: colours.background,
      textStyle: { fontFamily, color: colours.text },
      ...option(colours),
    });
    return `${steadyNames(instance.renderToSVGString())}\n`;
  } finally {
    instance.dispose();
  }
}

/**
 * Without what counts the charts that the process has made before: names, and classes that only serve to
 * change colours under a mouse.
 */
function steadyNames(svg: string): string {
  return svg.replace(/<style[^]*?<\/style>\s*/g, "").replace(/ class="[^"]*"/g, "")
    .replace(/zr\d+-/g, "zr0-");
}

/** A title with a line below it. */
export function titles(colours: Colours, text: string, subtext: string): EChartsOption["title"] {
  return {
    text,
    subtext,
    left: 16,
    top: 10,
    textStyle: { color: colours.text, fontSize: 16, fontWeight: 600, fontFamily },
    subtextStyle: { color: colours.faint, fontSize: 12, fontFamily, lineHeight: 16 },
  };
}

/** How axes look everywhere. */
export function axisLook(colours: Colours, name: string) {
  return {
    name,
    nameTextStyle: { color: colours.faint, fontSize: 12 },
    axisLabel: { color: colours.faint, fontSize: 11 },
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { lineStyle: { color: colours.line } },
    splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
    minorSplitLine: { show: false },
  } as const;
}
