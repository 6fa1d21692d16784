// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

var langsmith = system{
	name: "langsmith", address: "https://api.smith.langchain.com", addressVars: []string{"LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT"},
	login: func(env func(string) string) (credentials, error) {
		c, err := key("X-Api-Key", "", "LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")(env)
		if workspace := strings.TrimSpace(env("LANGSMITH_WORKSPACE_ID")); err == nil && workspace != "" {
			c.headers["X-Tenant-Id"], c.secrets = workspace, append(c.secrets, workspace)
		}
		return c, err
	},
	open: func(c *client) fetch { return langsmithReader{c}.prompts },
}

type langsmithReader struct{ c *client }

type langsmithRepo struct {
	ID          text     `json:"id"`
	RepoHandle  string   `json:"repo_handle"`
	Owner       text     `json:"owner"`
	TenantID    text     `json:"tenant_id"`
	Description text     `json:"description"`
	Readme      text     `json:"readme"`
	Tags        []string `json:"tags"`
}

type langsmithCommit struct {
	ID               text `json:"id"`
	CommitHash       text `json:"commit_hash"`
	ParentCommitHash text `json:"parent_commit_hash"`
	CreatedAt        text `json:"created_at"`
	FullName         text `json:"full_name"`
	Description      text `json:"description"`
}

func (r langsmithReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		// The hub lists everybody's public prompts too; this tells which are ours.
		var settings struct {
			ID text `json:"id"`
		}
		if err := r.c.get(ctx, "/settings", nil, &settings); err != nil {
			yield(nil, err)
			return
		}
		if settings.ID == "" {
			yield(nil, fmt.Errorf("%s: GET %s/settings: the answer has another form than documented: it has no id", r.c.system, r.c.base))
			return
		}
		paged := pages{c: r.c, what: "prompts"}
		for offset := 0; ; {
			var answer struct {
				Repos []langsmithRepo `json:"repos"`
				Total int             `json:"total"`
			}
			query := url.Values{"limit": {"100"}, "offset": {itoa(offset)}, "is_archived": {"false"}, "tenant_id": {string(settings.ID)}}
			if err := r.c.get(ctx, "/repos/", query, &answer); err != nil {
				yield(nil, err)
				return
			}
			for i := range answer.Repos {
				repo := &answer.Repos[i]
				if repo.TenantID != settings.ID || !wanted(repo.RepoHandle) {
					continue
				}
				prompt, err := r.prompt(ctx, repo)
				if !yield(prompt, err) || err != nil {
					return
				}
			}
			offset += len(answer.Repos)
			if len(answer.Repos) == 0 || offset >= answer.Total {
				return
			}
			if err := paged.next(itoa(offset)); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func (r langsmithReader) prompt(ctx context.Context, repo *langsmithRepo) (*Prompt, error) {
	p := &Prompt{Name: repo.RepoHandle, ID: string(repo.ID), Description: string(repo.Description)}
	for _, tag := range repo.Tags {
		// LangSmith tags every prompt with its kind.
		if !slices.Contains([]string{"ChatPromptTemplate", "StructuredPrompt", "PromptTemplate"}, tag) {
			p.Tags = append(p.Tags, tag)
		}
	}
	if repo.Readme != "" {
		p.gap("readme", "the registry has descriptions only")
	}
	owner := url.PathEscape(string(repo.Owner))
	if owner == "" {
		owner = "-"
	}
	path := owner + "/" + url.PathEscape(repo.RepoHandle)
	labels, err := r.tags(ctx, path)
	if err != nil {
		return nil, err
	}
	commits, err := r.commits(ctx, path)
	if err != nil {
		return nil, err
	}
	for _, commit := range slices.Backward(commits) {
		var answer struct {
			Manifest json.RawMessage `json:"manifest"`
		}
		if err := r.c.get(ctx, "/commits/"+path+"/"+url.PathEscape(string(commit.CommitHash)), url.Values{"include_model": {"true"}}, &answer); err != nil {
			return nil, err
		}
		v := &Version{
			Number: string(commit.CommitHash), ID: string(commit.ID), Author: string(commit.FullName), Message: string(commit.Description),
			Time: parseTime(string(commit.CreatedAt)), Parent: string(commit.ParentCommitHash), Labels: labels[string(commit.CommitHash)],
		}
		v.langchain(answer.Manifest)
		p.Versions = append(p.Versions, v)
	}
	return p, nil
}

func (r langsmithReader) commits(ctx context.Context, path string) ([]langsmithCommit, error) {
	paged := pages{c: r.c, what: "commits of " + path}
	var all []langsmithCommit
	for {
		var answer struct {
			Commits []langsmithCommit `json:"commits"`
			Total   int               `json:"total"`
		}
		if err := r.c.get(ctx, "/commits/"+path+"/", url.Values{"limit": {"100"}, "offset": {itoa(len(all))}}, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Commits...)
		if len(answer.Commits) == 0 || len(all) >= answer.Total {
			return all, nil
		}
		if err := paged.next(itoa(len(all))); err != nil {
			return nil, err
		}
	}
}

// tags are the commit tags by commit.
func (r langsmithReader) tags(ctx context.Context, path string) (map[string][]Label, error) {
	var answer []struct {
		TagName    string `json:"tag_name"`
		CommitHash text   `json:"commit_hash"`
		UpdatedAt  text   `json:"updated_at"`
	}
	if err := r.c.get(ctx, "/repos/"+path+"/tags", nil, &answer); err != nil && !notFound(err) {
		return nil, err
	}
	labels := map[string][]Label{}
	for _, tag := range answer {
		labels[string(tag.CommitHash)] = append(labels[string(tag.CommitHash)], Label{Name: tag.TagName, Time: parseTime(string(tag.UpdatedAt))})
	}
	return labels, nil
}
