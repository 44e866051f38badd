package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A picture is shapes on a plane, drawn as inline SVG. All of it can be said in words too: Title and Desc are its text
// alternative, and what it shows stands in a table of the same section or in Desc. No colour carries a meaning alone.
type picture struct {
	ID, Title, Desc string
	Width, Height   int
	Shapes          []shape
	Key             []keyEntry
	Empty           string // instead of shapes, where there is nothing to draw
}

// A shape is one element. Class is one of ours, out of page.css.
type shape struct {
	Kind, Class, Text, Title, Anchor, Points string
	X, Y, W, H, R, X2, Y2                    float64
}

type keyEntry struct{ Class, Mark, Text string }

const pictureWidth = 760

func box(class string, x, y, w, h float64, title string) shape {
	return shape{Kind: "rect", Class: class, X: round(x), Y: round(y), W: round(max(w, 0)), H: round(max(h, 0)), Title: title}
}

func words(class, anchor string, x, y float64, s string) shape {
	return shape{Kind: "text", Class: class, Anchor: anchor, X: round(x), Y: round(y), Text: s}
}

func line(class string, x, y, x2, y2 float64) shape {
	return shape{Kind: "line", Class: class, X: round(x), Y: round(y), X2: round(x2), Y2: round(y2)}
}

func polygon(class, title string, points ...float64) shape {
	var all []string
	for i := 0; i+1 < len(points); i += 2 {
		all = append(all, fmt.Sprintf("%g,%g", round(points[i]), round(points[i+1])))
	}
	return shape{Kind: "polygon", Class: class, Points: strings.Join(all, " "), Title: title}
}

func round(x float64) float64 { return math.Round(x*10) / 10 }

// mark draws the sign of a lane: a diamond for the intruder, a disc for the person, a square for the responders.
func mark(lane string, x, y, r float64, title string) shape {
	switch lane {
	case LaneAttacker:
		return polygon("attacker", title, x, y-r-1, x+r+1, y, x, y+r+1, x-r-1, y)
	case LaneResponder:
		return box("responder", x-r, y-r, 2*r, 2*r, title)
	}
	return shape{Kind: "circle", Class: "user", X: round(x), Y: round(y), R: round(r), Title: title}
}

// An axis of time on which long pauses are cut short, so that an intrusion of an hour can be seen in a case of a month.
type axis struct {
	times  []time.Time
	at     []float64 // of each time, 0 to 1
	breaks []float64
}

func newAxis(times []time.Time) axis {
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	a := axis{times: times, at: make([]float64, len(times))}
	if len(times) < 2 {
		return a
	}
	longest := max(times[len(times)-1].Sub(times[0])/10, 2*time.Hour)
	var sum float64
	cuts := []int{}
	for i := 1; i < len(times); i++ {
		gap := times[i].Sub(times[i-1])
		if gap > longest {
			gap = longest
			cuts = append(cuts, i)
		}
		sum += float64(gap)
		a.at[i] = sum
	}
	for i := range a.at {
		a.at[i] /= sum
	}
	for _, i := range cuts {
		a.breaks = append(a.breaks, (a.at[i-1]+a.at[i])/2)
	}
	return a
}

func (a axis) place(t time.Time) float64 {
	i, _ := slices.BinarySearchFunc(a.times, t, time.Time.Compare)
	if len(a.at) == 0 {
		return 0
	}
	return a.at[min(i, len(a.at)-1)]
}

// drawLanes is the chronology at a glance: three lanes over one axis.
func (p *page) drawLanes() *picture {
	x := &picture{ID: "lanes", Title: p.t("picture.lanes"), Width: pictureWidth, Height: 210, Empty: p.t("timeline.none")}
	lanes := []string{LaneAttacker, LaneUser, LaneResponder}
	counts := map[string]int{}
	var times []time.Time
	for _, e := range p.m.Timeline {
		counts[e.Lane]++
		times = append(times, e.At)
	}
	if len(times) == 0 {
		return x
	}
	a := newAxis(times)
	times = a.times
	const left, width = 110.0, 630.0
	for i, lane := range lanes {
		y := 40 + 50*float64(i)
		x.Shapes = append(x.Shapes, box("lane", left-8, y-20, width+16, 40, ""), words("label", "end", left-14, y+4, p.word("lane", lane)))
	}
	for _, b := range a.breaks {
		x.Shapes = append(x.Shapes, line("break", left+b*width, 18, left+b*width, 172))
	}
	x.Shapes = append(x.Shapes, p.ticks(a, left, width)...)
	for i, lane := range lanes {
		x.Shapes = append(x.Shapes, p.marks(a, lane, left, width, 40+50*float64(i))...)
		x.Key = append(x.Key, keyEntry{Class: lane, Mark: map[string]string{LaneAttacker: "◆", LaneUser: "●", LaneResponder: "■"}[lane], Text: p.word("lane", lane) + p.colon() + fmt.Sprint(counts[lane])})
	}
	if len(a.breaks) > 0 {
		x.Key = append(x.Key, keyEntry{Class: "break", Mark: "┊", Text: p.t("picture.break")})
	}
	x.Desc = p.t("picture.lanes.desc", counts[LaneAttacker], counts[LaneUser], counts[LaneResponder], p.minute(times[0]), p.minute(times[len(times)-1]))
	return x
}

// ticks labels the axis where there is room.
func (p *page) ticks(a axis, left, width float64) []shape {
	var shapes []shape
	end := -1000.0
	for i, t := range a.times {
		at := left + a.at[i]*width
		if at < end+104 {
			continue
		}
		end = at
		anchor := "middle"
		if at < left+40 {
			anchor = "start"
		}
		if at > left+width-40 {
			anchor = "end"
		}
		local := t.In(p.zone)
		shapes = append(shapes, line("tick", at, 162, at, 170), words("tick-label", anchor, at, 184, local.Format("02/01 15:04")))
	}
	return append(shapes, words("tick-label", "end", left+width+8, 204, p.zone.String()))
}

// marks draws the events of a lane; those that would touch are one mark with their number.
func (p *page) marks(a axis, lane string, left, width, y float64) []shape {
	type group struct {
		x      float64
		n      int
		titles []string
	}
	var groups []group
	for i, e := range p.m.Timeline {
		if e.Lane != lane {
			continue
		}
		at := left + a.place(e.At)*width
		title := fmt.Sprintf("%d. %s %s", i+1, p.minute(e.At), p.happened(e))
		if n := len(groups); n > 0 && at-groups[n-1].x < 15 {
			g := &groups[n-1]
			g.n++
			if len(g.titles) < 6 {
				g.titles = append(g.titles, title)
			}
			continue
		}
		groups = append(groups, group{x: at, n: 1, titles: []string{title}})
	}
	var shapes []shape
	for _, g := range groups {
		r := min(5+1.5*math.Log2(float64(g.n)), 9)
		shapes = append(shapes, mark(lane, g.x, y, r, strings.Join(g.titles, "\n")))
		if g.n > 1 {
			shapes = append(shapes, words("mark-count", "middle", g.x, y-r-3, fmt.Sprint(g.n)))
		}
	}
	return shapes
}

// drawHours is what was done by weekday and hour: squares for known sources, a number on top for suspect ones.
func (p *page) drawHours() *picture {
	x := &picture{ID: "hours", Title: p.t("picture.hours"), Width: pictureWidth, Height: 232, Empty: p.t("picture.hours.none")}
	h := p.m.Picture
	var most, usual, suspect int64
	for day := range h.Usual {
		for hour := range h.Usual[day] {
			most = max(most, h.Usual[day][hour])
			usual += h.Usual[day][hour]
			suspect += h.Suspect[day][hour]
		}
	}
	if usual+suspect == 0 {
		return x
	}
	const left, top, w, height = 96.0, 26.0, 27.0, 25.0
	for hour := range 24 {
		if hour%2 == 0 {
			x.Shapes = append(x.Shapes, words("tick-label", "middle", left+float64(hour)*w+w/2, top-8, fmt.Sprintf("%02d", hour)))
		}
	}
	for day := range 7 {
		y := top + float64(day)*height
		x.Shapes = append(x.Shapes, words("label", "end", left-8, y+17, p.t(fmt.Sprintf("weekday.%d", day+1))))
		for hour := range 24 {
			n, odd := h.Usual[day][hour], h.Suspect[day][hour]
			title := p.t("picture.hours.cell", p.t(fmt.Sprintf("weekday.%d", day+1)), hour, n, odd)
			at := left + float64(hour)*w
			x.Shapes = append(x.Shapes, box(fmt.Sprintf("heat heat%d", heat(n, most)), at, y, w-2, height-2, title))
			if odd > 0 {
				x.Shapes = append(x.Shapes, box("hot", at+2, y+2, w-6, height-6, title), words("hot-count", "middle", at+w/2-1, y+16, compact(odd)))
			}
		}
	}
	x.Shapes = append(x.Shapes, words("tick-label", "end", left+24*w-2, top+7*height+16, h.Zone))
	x.Key = []keyEntry{{Class: "heat1", Mark: "■", Text: p.t("picture.hours.few")}, {Class: "heat4", Mark: "■", Text: p.t("picture.hours.many", most)}, {Class: "hot", Mark: "▣", Text: p.t("picture.hours.suspect")}}
	x.Desc = p.t("picture.hours.desc", usual, suspect, h.Zone)
	return x
}

// heat is one of five steps; the square root keeps single events visible beside hundreds.
func heat(n, most int64) int {
	if n == 0 || most == 0 {
		return 0
	}
	return 1 + int(3.999*math.Sqrt(float64(n)/float64(most+1)))
}

func compact(n int64) string {
	if n > 999 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

const shownNetworks = 12

// drawNetworks is where sign-ins came from: bars, those from new sources first.
func (p *page) drawNetworks() *picture {
	x := &picture{ID: "networks", Title: p.t("picture.networks"), Width: pictureWidth, Empty: p.t("picture.networks.none")}
	all := p.m.Picture.Networks
	if len(all) == 0 {
		return x
	}
	shown := all[:min(len(all), shownNetworks)]
	var most int64
	for _, n := range shown {
		most = max(most, n.Good+n.Failed)
	}
	const left, width = 280.0, 380.0
	var said []string
	for i, n := range shown {
		y := 12 + 28*float64(i)
		name := strings.Join(nonEmpty(show(n.Name), number("AS", n.ASN), cut(n.Owner, 16), show(n.Country)), " · ")
		class := "bar-usual"
		if n.Suspect {
			class, name = "bar-suspect", "▲ "+name
		}
		good := width * float64(n.Good) / float64(most)
		bad := width * float64(n.Failed) / float64(most)
		title := p.t("picture.networks.bar", name, n.Good, n.Failed, p.minute(n.First), p.minute(n.Last))
		x.Shapes = append(x.Shapes, words("label", "end", left-8, y+14, cut(name, 44)), box(class, left, y, max(good, min(float64(n.Good), 1.5)), 18, title),
			box("bar-failed", left+good, y, max(bad, min(float64(n.Failed), 3)), 18, title), words("value", "start", left+good+bad+10, y+14, fmt.Sprintf("%d / %d", n.Good, n.Failed)))
		said = append(said, title)
	}
	x.Height = 20 + 28*len(shown)
	x.Key = []keyEntry{{Class: "bar-usual", Mark: "■", Text: p.t("picture.networks.usual")}, {Class: "bar-suspect", Mark: "▲", Text: p.t("picture.networks.suspect")}, {Class: "bar-failed", Mark: "□", Text: p.t("picture.networks.failed")}}
	if len(all) > len(shown) {
		x.Key = append(x.Key, keyEntry{Text: p.t("refs.more", len(all)-len(shown))})
	}
	x.Desc = strings.Join(said, p.semicolon())
	return x
}

// mostBars is how many columns fit; of longer times several days are one column.
const mostBars = 90

// drawVolume is mail by day: sent, forwarded, deleted, each on its own scale.
func (p *page) drawVolume() *picture {
	x := &picture{ID: "volume", Title: p.t("picture.volume"), Width: pictureWidth, Height: 250, Empty: p.t("picture.volume.none")}
	days, step := bars(p.m.Picture.Days)
	if len(days) == 0 {
		return x
	}
	const left, width, height = 110.0, 600.0, 46.0
	w := width / float64(len(days))
	rows := []struct {
		key string
		of  func(Day) int64
	}{{"sent", func(d Day) int64 { return d.Sent }}, {"forwarded", func(d Day) int64 { return d.Forwarded }}, {"deleted", func(d Day) int64 { return d.Deleted }}}
	var said []string
	for i, r := range rows {
		base := 60 + 70*float64(i)
		var most, sum int64
		peak := days[0]
		for _, d := range days {
			sum += r.of(d)
			if r.of(d) > most {
				most, peak = r.of(d), d
			}
		}
		x.Shapes = append(x.Shapes, words("label", "end", left-10, base-18, p.t("volume."+r.key)), words("tick-label", "end", left-10, base-2, p.t("volume.sum", sum)), line("tick", left, base, left+width, base))
		for j, d := range days {
			if n := r.of(d); n > 0 {
				x.Shapes = append(x.Shapes, box("volume-"+r.key, left+float64(j)*w, base-max(height*float64(n)/float64(most), 1.5), max(w-1, .8), max(height*float64(n)/float64(most), 1.5), d.Day+p.colon()+fmt.Sprint(n)))
			}
		}
		if most > 0 {
			j := slices.Index(days, peak)
			anchor, at := "start", left+float64(j)*w+w+3
			if j > len(days)*3/4 {
				anchor, at = "end", left+float64(j)*w-3
			}
			x.Shapes = append(x.Shapes, words("value", anchor, at, base-height+8, fmt.Sprintf("max. %d (%s)", most, peak.Day)))
		}
		said = append(said, p.t("picture.volume.row", p.t("volume."+r.key), sum, most, peak.Day))
	}
	if last := len(days) - 1; last > 0 {
		x.Shapes = append(x.Shapes, words("tick-label", "start", left, 220, days[0].Day))
		x.Shapes = append(x.Shapes, words("tick-label", "end", left+width, 220, days[last].Day))
	} else {
		x.Shapes = append(x.Shapes, words("tick-label", "end", left+width, 220, days[0].Day))
	}
	if step > 1 {
		x.Key = append(x.Key, keyEntry{Text: p.t("volume.step", step)})
	}
	x.Key = append(x.Key, keyEntry{Text: p.t("volume.scales")})
	x.Desc = strings.Join(said, p.semicolon())
	slices.SortStableFunc(x.Shapes, func(a, b shape) int { return cmp.Compare(a.Kind, b.Kind) })
	return x
}

// bars gives one Day for each column, days without mail included, and how many days a column is.
func bars(days []Day) ([]Day, int) {
	if len(days) == 0 {
		return nil, 1
	}
	begin, err1 := time.Parse(time.DateOnly, days[0].Day)
	end, err2 := time.Parse(time.DateOnly, days[len(days)-1].Day)
	if err1 != nil || err2 != nil {
		return nil, 1
	}
	n := int(end.Sub(begin).Hours()/24) + 1
	step := (n + mostBars - 1) / mostBars
	all := make([]Day, (n+step-1)/step)
	for i := range all {
		all[i].Day = begin.AddDate(0, 0, i*step).Format(time.DateOnly)
	}
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			continue
		}
		b := &all[int(at.Sub(begin).Hours()/24)/step]
		b.Sent, b.Deleted, b.Forwarded, b.Received = b.Sent+d.Sent, b.Deleted+d.Deleted, b.Forwarded+d.Forwarded, b.Received+d.Received
	}
	return all, step
}

// drawLinks is where mail goes by itself and who may use the mailbox: who has rights on the left, the accounts in the
// middle, where mail goes on the right. What is outside has a dashed frame.
func (p *page) drawLinks() *picture {
	x := &picture{ID: "links", Title: p.t("picture.links"), Width: pictureWidth, Empty: p.t("links.none")}
	if len(p.m.Picture.Links) == 0 {
		return x
	}
	columns := p.linkColumns()
	rows := max(len(columns[0]), len(columns[1]), len(columns[2]))
	x.Height = 30 + 76*rows
	const w, h = 224.0, 34.0
	type spot struct{ x, y float64 }
	place := map[string]spot{}
	outside := map[string]bool{}
	for _, l := range p.m.Picture.Links {
		if l.Outside {
			outside[other(l)] = true
		}
	}
	for i, names := range columns {
		gap := float64(x.Height) / float64(max(len(names), 1))
		for j, name := range names {
			at := spot{8 + float64(i)*(float64(pictureWidth)-w-16)/2, gap*(float64(j)+.5) - h/2}
			place[fmt.Sprint(i, name)] = at
			class := "node"
			if i == 1 {
				class = "node own"
			} else if outside[name] {
				class = "node out"
			}
			x.Shapes = append(x.Shapes, box(class, at.x, at.y, w, h, show(name)), words("node-label", "middle", at.x+w/2, at.y+h/2+4, cut(name, 31)))
		}
	}
	merged, order := mergedLinks(p.m.Picture.Links)
	var edges []shape
	for _, key := range order {
		l := merged[key]
		from, to := place[fmt.Sprint(1, l.link.From)], place[fmt.Sprint(2, l.link.To)]
		if incoming(l.link) {
			from, to = place[fmt.Sprint(0, l.link.From)], place[fmt.Sprint(1, l.link.To)]
		}
		if from == (spot{}) || to == (spot{}) {
			continue
		}
		class := "edge"
		if l.link.Outside {
			class = "edge out"
		}
		var kinds []string
		for _, k := range l.kinds {
			kinds = append(kinds, p.word("link", k))
		}
		label := strings.Join(kinds, ", ")
		x1, y1, x2, y2 := from.x+w, from.y+h/2, to.x, to.y+h/2
		edges = append(edges, line(class, x1, y1, x2-6, y2), polygon(class+" head", label, x2, y2, x2-8, y2-4.5, x2-8, y2+4.5))
		at := to
		if incoming(l.link) {
			at = from
		}
		lines := wrapped(kinds, 34)
		for i, each := range lines {
			edges = append(edges, words("edge-label", "start", at.x, at.y-4-13*float64(len(lines)-1-i), each))
		}
	}
	x.Shapes = append(edges, x.Shapes...)
	x.Key = []keyEntry{{Class: "node-out", Mark: "▭", Text: p.t("picture.links.outside")}}
	x.Desc = p.t("picture.links.desc", len(p.m.Picture.Links), len(outside))
	return x
}

// wrapped sets words in lines of so many characters.
func wrapped(all []string, width int) []string {
	var lines []string
	for _, s := range all {
		n := len(lines)
		if n > 0 && len([]rune(lines[n-1]))+2+len([]rune(s)) <= width {
			lines[n-1] += ", " + s
			continue
		}
		if n > 0 {
			lines[n-1] += ","
		}
		lines = append(lines, s)
	}
	return lines
}

func incoming(l Link) bool { return l.Kind == "delegate" || l.Kind == "right" }

// other is the end of a link that is not the account.
func other(l Link) string {
	if incoming(l) {
		return l.From
	}
	return l.To
}

const mostNodes = 12

func (p *page) linkColumns() [3][]string {
	var columns [3][]string
	add := func(i int, name string) {
		if !slices.Contains(columns[i], name) && len(columns[i]) < mostNodes {
			columns[i] = append(columns[i], name)
		}
	}
	for _, l := range p.m.Picture.Links {
		if incoming(l) {
			add(0, l.From)
			add(1, l.To)
		} else {
			add(1, l.From)
			add(2, l.To)
		}
	}
	return columns
}

type mergedLink struct {
	link  Link
	kinds []string
}

// mergedLinks puts links of the same two ends together.
func mergedLinks(all []Link) (map[string]*mergedLink, []string) {
	merged := map[string]*mergedLink{}
	var order []string
	for _, l := range all {
		key := fmt.Sprint(incoming(l), "\x00", l.From, "\x00", l.To)
		if merged[key] == nil {
			merged[key] = &mergedLink{link: l}
			order = append(order, key)
		}
		merged[key].link.Outside = merged[key].link.Outside || l.Outside
		if !slices.Contains(merged[key].kinds, l.Kind) {
			merged[key].kinds = append(merged[key].kinds, l.Kind)
		}
	}
	return merged, order
}
