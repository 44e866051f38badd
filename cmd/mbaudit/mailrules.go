package main

import (
	"fmt"
	"slices"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/mailrule"
)

// mailRules reads the rules of mailboxes for facts.
func mailRules() facts.MailRules {
	return facts.MailRules{
		Filter: func(filter []byte) ([]facts.Meaning, error) {
			return meanings(mailrule.ParseGmailFilters(filter, mailrule.GmailOptions{}))
		},
		Script: func(script []byte) ([]facts.Meaning, error) {
			return meanings(mailrule.ParseSieve(script, mailrule.SieveOptions{}))
		},
	}
}

// meanings are what rules that can act do, one for each deed. A source of which nothing was understood is an error: that no
// rule was found in it says nothing.
func meanings(set mailrule.Set) ([]facts.Meaning, error) {
	if len(set.Rules) == 0 && len(set.Notes) > 0 {
		return nil, fmt.Errorf("%s: %s", set.Notes[0].Kind, set.Notes[0].Text)
	}
	var all []facts.Meaning
	for _, rule := range set.Rules {
		signals := rule.Signals(mailrule.Context{})
		for _, deed := range deeds(signals) {
			deed.Locator = fmt.Sprintf("bytes %d-%d", rule.At.Start, rule.At.End)
			deed.Topics, deed.Words = topics(signals)
			deed.Parties = texts(append(slices.Clip(signals.People), signals.Domains...))
			deed.All = signals.Reach != mailrule.Some
			deed.Active = signals.Active
			deed.Tricks = tricks(signals)
			deed.Summary = rule.Explains.EN
			all = append(all, deed)
		}
	}
	return all, nil
}

// deeds are the actions of a rule in the words of facts, with their targets.
func deeds(s mailrule.Signals) []facts.Meaning {
	var list []facts.Meaning
	for _, to := range s.Forwards {
		action := "forward"
		if to.Notice {
			action = "notify"
		}
		list = append(list, facts.Meaning{Action: action, Targets: []string{to.Address.Text}, Local: to.Copy})
	}
	var folders []string
	odd := false
	for _, f := range s.Folders {
		folders = append(folders, f.Name.Text)
		odd = odd || f.Kind == mailrule.OddFolder
	}
	for _, deed := range []struct {
		done    bool
		action  string
		targets []string
	}{
		{s.Deletes || s.Trashes, "delete", nil},
		{!s.Deletes && !s.Trashes && s.SkipsInbox && (s.MarksRead || odd || s.Junks), "hide", folders},
		{len(folders) > 0, "file", folders},
		{s.MarksRead, "read", nil},
		{s.Rejects, "reject", nil},
		{s.Replies, "reply", nil},
		{len(s.Runs) > 0, "execute", texts(s.Runs)},
	} {
		if deed.done {
			list = append(list, facts.Meaning{Action: deed.action, Targets: deed.targets, Local: !s.Deletes})
		}
	}
	if len(list) == 0 {
		list = append(list, facts.Meaning{Action: "keep", Local: true})
	}
	return list
}

// topics are what a rule looks for, and the words that say so.
func topics(s mailrule.Signals) (topics, words []string) {
	add := func(topic string) {
		if !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	for _, word := range s.Words {
		words = append(words, word.Text)
		switch word.Class {
		case mailrule.Money:
			add("money")
		case mailrule.Security:
			add("security")
		case mailrule.Bulk:
			add("newsletter")
		case mailrule.Thread:
			add("reply")
		}
		switch word.Kind {
		case "bounce":
			add("bounce")
		case "password":
			add("reset")
		}
	}
	return topics, words
}

// tricks are what is odd about the way a rule is written.
func tricks(s mailrule.Signals) []string {
	if len(s.Disguised) > 0 {
		return []string{"disguised"}
	}
	return nil
}

func texts(values []mailrule.Value) []string {
	var list []string
	for _, v := range values {
		list = append(list, v.Text)
	}
	return list
}
