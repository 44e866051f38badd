package facts

import (
	"slices"
	"strings"
)

// scopeRank says how much of an account a scope of Google's opens, from 1 to 5, seen from the mailbox.
func scopeRank(scope string) int64 {
	scope = strings.TrimSpace(scope)
	name := strings.TrimPrefix(scope, "https://www.googleapis.com/auth/")
	for _, r := range scopeRanks() {
		for _, pattern := range r.names {
			if prefix, wild := strings.CutSuffix(pattern, "*"); pattern == name || wild && strings.HasPrefix(name, prefix) {
				return r.rank
			}
		}
	}
	return 2 // not listed: some data of some product
}

type rankedScopes struct {
	rank  int64
	names []string
}

// scopeRanks has the more telling names before the patterns that hold for them too.
func scopeRanks() []rankedScopes {
	return []rankedScopes{
		{1, []string{"openid", "email", "profile", "userinfo.email", "userinfo.profile", "gmail.labels", "plus.me", "gmail.addons.current.action.compose",
			"gmail.addons.current.message.action"}},
		{2, []string{"gmail.metadata", "calendar*", "directory.readonly", "gmail.addons.current.message.*", "drive.file", "drive.appdata"}},
		{3, []string{"gmail.send", "gmail.compose", "drive.readonly", "drive.metadata*", "contacts*", "https://www.google.com/m8/feeds*", "script.*",
			"https://www.google.com/accounts/OAuthLogin", "admin.reports*"}},
		{4, []string{"gmail.modify", "gmail.settings.basic", "gmail.readonly", "gmail.insert", "drive"}},
		{5, []string{"https://mail.google.com/", "https://mail.google.com", "gmail.settings.sharing", "admin.directory.*", "cloud-platform", "ediscovery*", "apps.groups.migration"}},
	}
}

// mailScope says whether a scope opens the mail itself.
func mailScope(scope string) bool {
	return strings.HasPrefix(scope, "https://mail.google.com") || strings.HasPrefix(scope, "https://www.googleapis.com/auth/gmail.") && scopeRank(scope) >= 3
}

// rateScopes notes the rank of the widest scope, and which it is. anonymous and native clients are one rank up: nobody
// vouches for the first, and the second's secret is public.
func rateScopes(f *Fact, scopes []string) {
	if len(scopes) == 0 || len(scopes) == 1 && scopes[0] == "" {
		return
	}
	widest, top := int64(0), ""
	for _, s := range scopes {
		if r := scopeRank(s); r > widest {
			widest, top = r, s
		}
	}
	f.Set("scope.rank", Number(widest))
	f.say("scope.widest", top)
	f.Set("scope.mail", Bool(slices.ContainsFunc(scopes, mailScope)))
	raised := widest
	if f.Is("anonymous") || f.Is("nativeapp") || strings.HasPrefix(f.Text("client_type"), "NATIVE_") {
		raised = min(raised+1, 5)
	}
	f.Set("scope.risk", Number(raised))
}
