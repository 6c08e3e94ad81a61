/** The whole page: bar, banners, the page that is asked for, navigation. */
import { useEffect, useRef } from "preact/hooks";
import { Banners } from "./components/banners";
import { LogIn } from "./components/log-in";
import { Navigation } from "./components/navigation";
import { Failed, Loading } from "./components/notice";
import { TopBar } from "./components/top-bar";
import { language } from "./i18n";
import { t } from "./i18n/shared";
import { pages } from "./pages";
import { PAGES, isLost, page } from "./router";
import { live } from "./state/live";
import { begin, isStranger, startProblem } from "./state/session";

export function App() {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const name = page.value;
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.title = `${isLost.value ? t("page.unknown") : t(`nav.${name}`)} · ${t("app.name")}`;
  }, [name, language.value, isLost.value]);
  useEffect(() => {
    if (!first.current) {
      window.scrollTo(0, 0);
      main.current?.focus(); // a reader of the screen learns that the page changed
    }
    first.current = false;
  }, [name]);
  const toContent = (event: Event) => {
    event.preventDefault(); // the hash belongs to the router
    main.current?.focus();
  };
  if (isStranger.value) return <LogIn />;
  const Page = pages[name];
  return (
    <>
      <a class="skip" href="#content" onClick={toContent}>
        {t("app.skip")}
      </a>
      <TopBar />
      <main id="content" ref={main} tabIndex={-1} class={`page page-${name}`}>
        <Banners />
        {isLost.value ? <NoSuchPage /> : live.value !== null ? <Page /> : <Starting />}
      </main>
      <Navigation place="bottom" />
    </>
  );
}

function NoSuchPage() {
  return (
    <section class="card" data-testid="no-such-page">
      <h1>{t("page.unknown")}</h1>
      <p class="quiet">{t("page.unknown.go")}</p>
      <p class="toolbar">
        {PAGES.map((each) => (
          <a key={each} class="link" href={`#/${each}`}>
            {t(`nav.${each}`)}
          </a>
        ))}
      </p>
    </section>
  );
}

function Starting() {
  const problem = startProblem.value;
  return problem === null ? <Loading /> : <Failed problem={problem} retry={() => void begin()} />;
}
